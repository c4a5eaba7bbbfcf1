package config

import "strings"

// rewrite does what the rewrite module's directives say, in their order.
// See https://nginx.org/en/docs/http/ngx_http_rewrite_module.html.
func (w *nginxWalk) rewrite(scope *nginxScope) nginxEnd {
	for i, d := range scope.list {
		end := nginxOn
		switch d.name {
		case "set":
			w.assign(d)
		case "break":
			return nginxBreak
		case "return":
			return w.returned(d)
		case "rewrite":
			end = w.replace(d)
		case "if":
			if w.holds(d.args) {
				w.scope = scope.child(i)
				end = w.rewrite(w.scope)
			}
		}
		if end != nginxOn {
			return end
		}
	}
	return nginxOn
}

func (w *nginxWalk) assign(d directive) {
	name := strings.ToLower(strings.TrimPrefix(d.arg(0), "$"))
	value, known := w.expand(d.arg(1))
	w.set[name], w.unknown[name] = value, !known
}

// returned is the end of a request, except that error_page may take a status of 400 and above for a location.
func (w *nginxWalk) returned(d directive) nginxEnd {
	if status := d.arg(0); len(d.args) == 1 && status >= "400" && status <= "599" && w.place != w.server.nginxLocation {
		return w.answer(status)
	}
	return nginxDone
}

func (w *nginxWalk) replace(d directive) nginxEnd {
	if !w.capture(w.h.expression(d.arg(0), false), w.path) {
		return nginxOn
	}
	to, flag := d.arg(1), d.arg(2)
	if nginxRedirects(to, flag) {
		return nginxDone
	}
	to, known := w.expand(to)
	if !known {
		return nginxDone
	}
	w.path, w.query = nginxReplaced(to, w.query)
	w.changed = true
	switch flag {
	case "last":
		if w.place != w.server.nginxLocation {
			w.place = nil
			return nginxAgain
		}
		return nginxBreak
	case "break":
		return nginxBreak
	}
	return nginxOn
}

// nginxRedirects says that a rewrite sends the client elsewhere.
func nginxRedirects(to, flag string) bool {
	return flag == "redirect" || flag == "permanent" ||
		strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "$scheme")
}

// nginxReplaced adds the query that was there to the replacement's, unless the replacement ends with a question mark.
func nginxReplaced(to, query string) (newPath, newQuery string) {
	newPath, newQuery, replaced := strings.Cut(to, "?")
	switch {
	case !replaced:
		return newPath, query
	case newQuery == "" || strings.HasSuffix(newQuery, "?") || query == "":
		return newPath, strings.TrimSuffix(newQuery, "?")
	}
	return newPath, newQuery + "&" + query
}

// holds evaluates the condition of an if. What is not known does not hold.
func (w *nginxWalk) holds(args []string) bool {
	words := nginxCondition(args)
	if len(words) == 0 {
		return false
	}
	if test, isNot := strings.CutPrefix(words[0], "!"); len(words) > 1 && strings.HasPrefix(test, "-") {
		return w.fileTest(test, words[1]) != isNot
	}
	value, known := w.expand(words[0])
	switch len(words) {
	case 1:
		return known && value != "" && value != "0"
	case 2:
		return false
	}
	return known && w.compare(value, words[1], words[2])
}

// nginxCondition takes the parentheses off. Those that stand alone, or after a quoted word, leave nothing; of three words, an
// empty last one is what is compared with.
func nginxCondition(args []string) []string {
	words := append([]string{}, args...)
	if len(words) > 0 {
		words[0] = strings.TrimPrefix(words[0], "(")
		words[len(words)-1] = strings.TrimSuffix(words[len(words)-1], ")")
	}
	if len(words) > 0 && words[0] == "" {
		words = words[1:]
	}
	if len(words) > 0 && words[len(words)-1] == "" && len(words) != 3 {
		words = words[:len(words)-1]
	}
	return words
}

func (w *nginxWalk) fileTest(test, name string) bool {
	name, known := w.expand(name)
	if !known {
		return false
	}
	switch test {
	case "-f":
		return w.exists(name)
	case "-d":
		return w.isFolder(name)
	}
	return w.isFolder(name) || w.exists(name) // -e, -x
}

func (w *nginxWalk) compare(value, operator, with string) bool {
	switch operator {
	case "=", "!=":
		with, known := w.expand(with)
		return known && (value == with) == (operator == "=")
	case "~", "~*":
		return w.capture(w.h.expression(with, operator == "~*"), value)
	case "!~", "!~*":
		expr := w.h.expression(with, operator == "!~*")
		return expr != nil && !expr.matches(value)
	}
	return false
}
