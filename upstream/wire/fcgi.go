package wire

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Record types and protocol states of FastCGI 1.0 (§8, constants).
const (
	FCGIBegin    = 1
	FCGIAbort    = 2
	FCGIEnd      = 3
	FCGIParams   = 4
	FCGIStdin    = 5
	FCGIStdout   = 6
	FCGIStderr   = 7
	FCGIValues   = 9
	FCGIResult   = 10
	FCGIUnknown  = 11
	FCGIComplete = 0 // protocolStatus: the request is done
)

// FCGIHead is the length of a record's header (FastCGI 1.0 §3.3); maxFCGI is the longest content that is a multiple of
// eight, so that records need no padding.
const (
	FCGIHead = 8
	maxFCGI  = 0xfff8
)

// AppendFCGI appends content as records of that type: none when it is empty, since that would end the stream.
func AppendFCGI(b []byte, typ uint8, id uint16, content []byte) []byte {
	for len(content) > 0 {
		n := min(len(content), maxFCGI)
		b = append(appendFCGIHead(b, typ, id, n), content[:n]...)
		content = content[n:]
	}
	return b
}

// AppendFCGIEnd ends the stdout stream and the request (FastCGI 1.0 §5.5).
func AppendFCGIEnd(b []byte, id uint16, status uint8) []byte {
	b = appendFCGIHead(b, FCGIStdout, id, 0)
	b = appendFCGIHead(b, FCGIEnd, id, 8)
	return append(b, 0, 0, 0, 0, status, 0, 0, 0)
}

func appendFCGIHead(b []byte, typ uint8, id uint16, length int) []byte {
	b = binary.BigEndian.AppendUint16(append(b, 1, typ), id)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	return append(b, 0, 0)
}

// SendFCGI sends text as one stream's records.
func SendFCGI(verb string, typ uint8, text string) Step {
	return onStream(verb+" "+strconv.Quote(text), len(text)+FCGIHead, func(s *Session, id uint32) ([]byte, error) {
		return AppendFCGI(nil, typ, uint16(id), []byte(s.expand(text))), nil
	})
}

// fcgiStates are the names of protocolStatus.
var fcgiStates = []string{"REQUEST_COMPLETE", "CANT_MPX_CONN", "OVERLOADED", "UNKNOWN_ROLE"}

// EndFCGI ends the request with a protocolStatus. Text, if any, goes to the error stream in the same write: HAProxy before
// 2.6.14 crashes on error records that come alone (its issue 2150), and the gateway shall live on for other cells.
func EndFCGI(status uint8, text string) Step {
	line := "fcgi-end " + fcgiStates[status]
	if text != "" {
		line += " " + strconv.Quote(text)
	}
	return onStream(line, len(text)+4*FCGIHead, func(s *Session, id uint32) ([]byte, error) {
		return AppendFCGIEnd(AppendFCGI(nil, FCGIStderr, uint16(id), []byte(s.expand(text))), uint16(id), status), nil
	})
}

var fcgiVerbs = map[string]verb{
	"fcgi-stdout": {`fcgi-stdout "text"`, 1, 1, func(a []string) (Step, error) { return SendFCGI("fcgi-stdout", FCGIStdout, a[0]), nil }},
	"fcgi-stderr": {`fcgi-stderr "text"`, 1, 1, func(a []string) (Step, error) { return SendFCGI("fcgi-stderr", FCGIStderr, a[0]), nil }},
	"fcgi-end":    {`fcgi-end STATUS ["error text"]`, 1, 2, makeFCGIEnd},
}

func makeFCGIEnd(a []string) (Step, error) {
	for status, name := range fcgiStates {
		if a[0] == name {
			return EndFCGI(uint8(status), strings.Join(a[1:], "")), nil
		}
	}
	return nil, fmt.Errorf("%q is no protocolStatus of FastCGI; there are %q", a[0], fcgiStates)
}
