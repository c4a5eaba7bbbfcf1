package config

import (
	"regexp"
	"strings"
)

// apacheLine is a line of a configuration: continued ones are put together.
type apacheLine struct {
	text string
	at   Position
}

// apacheLines cuts a file into lines. A backslash at the end continues a line, comments as well
// (https://httpd.apache.org/docs/2.4/configuring.html#syntax).
func apacheLines(text, file string) []apacheLine {
	var lines []apacheLine
	whole, first := "", 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if whole == "" {
			first = i + 1
		}
		if rest, more := strings.CutSuffix(line, `\`); more && !strings.HasSuffix(rest, `\`) {
			whole += rest + " "
			continue
		}
		whole = strings.TrimSpace(whole + line)
		if whole != "" && !strings.HasPrefix(whole, "#") {
			lines = append(lines, apacheLine{text: whole, at: Position{File: file, Line: first}})
		}
		whole = ""
	}
	return lines
}

var apacheVariable = regexp.MustCompile(`\$\{([^}:]+)\}`)

// apacheEnv puts what Define and the environment say in the place of ${NAME}. What is not known stays as it is
// (ap_resolve_env in server/core.c).
func apacheEnv(text string, env map[string]string) string {
	return apacheVariable.ReplaceAllStringFunc(text, func(variable string) string {
		if value, set := env[variable[2:len(variable)-1]]; set {
			return value
		}
		return variable
	})
}

// apacheWords cuts a line into words: in single or double quotes a backslash escapes the quote and itself
// (ap_getword_conf in server/util.c).
func apacheWords(text string) []string {
	var words []string
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		var word string
		if text[0] == '"' || text[0] == '\'' {
			word, text = apacheQuoted(text)
		} else {
			end := strings.IndexAny(text, " \t")
			if end < 0 {
				end = len(text)
			}
			word, text = text[:end], text[end:]
		}
		words = append(words, word)
	}
	return words
}

// apacheQuoted takes a word in quotes off; one that never ends takes the rest.
func apacheQuoted(text string) (word, rest string) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == quote || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case text[i] == quote:
			return b.String(), text[i+1:]
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}

// apacheEnvvars reads the shell file envvars beside Debian's main file, as far as it says `export NAME=value`.
func apacheEnvvars(text string) map[string]string {
	env := map[string]string{"SUFFIX": ""}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, assigned := strings.Cut(line, "=")
		if !assigned || strings.ContainsAny(name, " \t#$") {
			continue
		}
		if words := apacheWords(value); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			env[name] = shellVariables(words[0], env)
		} else {
			env[name] = ""
		}
	}
	delete(env, "SUFFIX")
	return env
}

var shellVariable = regexp.MustCompile(`\$(?:\{([A-Za-z0-9_]+)(?::?-([^}]*))?\}|([A-Za-z0-9_]+))`)

// shellVariables expands $NAME, ${NAME} and ${NAME:-other}.
func shellVariables(text string, env map[string]string) string {
	return shellVariable.ReplaceAllStringFunc(text, func(found string) string {
		parts := shellVariable.FindStringSubmatch(found)
		if value := env[parts[1]+parts[3]]; value != "" {
			return value
		}
		return parts[2]
	})
}
