package diagnose

import "bytes"

// goParser reads what httputil.ReverseProxy and net/http write to their log, and access lines that have a quoted request
// and its status.
type goParser struct{}

var goMarks = [][]byte{[]byte("http: proxy error: "), []byte("httputil: ReverseProxy "), []byte("http: panic serving "), []byte("http: superfluous "),
	[]byte("ReverseProxy read error"), []byte("Unsolicited response received")}

func (*goParser) parse(line []byte, e *entry) {
	e.at, _ = dateTime(line)
	for _, mark := range goMarks {
		if bytes.Contains(line, mark) {
			e.kind, e.request = event, oneGo
			return
		}
	}
	from := bytes.IndexByte(line, '"')
	if from < 0 {
		return
	}
	n := quoted(line[from+1:])
	if n < 0 {
		return
	}
	if status, ok := statusAfter(line[from+n+2:]); ok {
		e.kind, e.status, e.request = access, status, oneGo
		if i := bytes.IndexByte(line, 'T'); e.at == 0 && i >= 10 && i < from {
			e.at, _ = dateTime(line[i-10:])
		}
	}
}

// oneGo joins lines that name no request.
const oneGo = 1
