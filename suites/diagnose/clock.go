package diagnose

import "time"

// Times are seconds by the clock on the gateway's wall: what the log writes is taken as it is, without its zone. So an error
// log, which names no zone, and an access log, which does, agree.

// wall gives the seconds of a date and time of day; ok is false for what no calendar has.
func wall(year, month, day, hour, minute, second int) (at int64, ok bool) {
	if year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix(), true
}

// digits reads a number of a fixed width; -1 when it is none.
func digits(text []byte) int {
	n := 0
	for _, b := range text {
		if b < '0' || b > '9' {
			return -1
		}
		n = n*10 + int(b-'0')
	}
	return n
}

// months are the first letters of English months, as all these products write them.
var months = map[[3]byte]int{
	{'J', 'a', 'n'}: 1, {'F', 'e', 'b'}: 2, {'M', 'a', 'r'}: 3, {'A', 'p', 'r'}: 4, {'M', 'a', 'y'}: 5, {'J', 'u', 'n'}: 6,
	{'J', 'u', 'l'}: 7, {'A', 'u', 'g'}: 8, {'S', 'e', 'p'}: 9, {'O', 'c', 't'}: 10, {'N', 'o', 'v'}: 11, {'D', 'e', 'c'}: 12,
}

// ofDay reads 20:39:05.
func ofDay(t []byte) (hour, minute, second int, ok bool) {
	if len(t) < 8 || t[2] != ':' || t[5] != ':' {
		return 0, 0, 0, false
	}
	hour, minute, second = digits(t[:2]), digits(t[3:5]), digits(t[6:8])
	return hour, minute, second, hour >= 0 && minute >= 0 && second >= 0
}

// ncsaTime reads 28/Nov/2026:20:39:05.
func ncsaTime(t []byte) (int64, bool) {
	if len(t) < 20 || t[2] != '/' || t[6] != '/' || t[11] != ':' {
		return 0, false
	}
	hour, minute, second, ok := ofDay(t[12:])
	if !ok {
		return 0, false
	}
	return wall(digits(t[7:11]), months[[3]byte(t[3:6])], digits(t[:2]), hour, minute, second)
}

// dateTime reads 2026-11-28T20:39:05 and 2026/11/28 20:39:05.
func dateTime(t []byte) (int64, bool) {
	if len(t) < 19 || t[4] != t[7] || t[4] != '-' && t[4] != '/' || t[10] != 'T' && t[10] != ' ' {
		return 0, false
	}
	hour, minute, second, ok := ofDay(t[11:])
	if !ok {
		return 0, false
	}
	return wall(digits(t[:4]), digits(t[5:7]), digits(t[8:10]), hour, minute, second)
}

// longTime reads Sat Nov 28 20:39:05.123456 2026, the fraction being optional. It gives the time's length, too.
func longTime(t []byte) (at int64, length int, ok bool) {
	if len(t) < 24 || t[3] != ' ' || t[7] != ' ' || t[10] != ' ' {
		return 0, 0, false
	}
	year := 19
	for year < len(t) && t[year] != ' ' {
		year++
	}
	if year+5 > len(t) {
		return 0, 0, false
	}
	day := digits(t[8:10])
	if t[8] == ' ' {
		day = digits(t[9:10])
	}
	hour, minute, second, ok := ofDay(t[11:])
	if !ok {
		return 0, 0, false
	}
	at, ok = wall(digits(t[year+1:year+5]), months[[3]byte(t[4:7])], day, hour, minute, second)
	return at, year + 5, ok
}
