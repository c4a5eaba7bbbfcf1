package config

// directive is one instruction of a configuration that is made of names, arguments and blocks. What a file includes stands
// in the place of the include.
type directive struct {
	name  string
	args  []string
	block []directive // of its own, if it has one
	at    Position
}

// arg is the i-th argument, or empty.
func (d directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// last is the last argument, or empty.
func (d directive) last() string { return d.arg(max(0, len(d.args)-1)) }
