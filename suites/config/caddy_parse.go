package config

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// maxTokens bounds what imports of imports may amount to.
const maxTokens = 1_000_000

// caddyParser follows imports and gathers blocks.
type caddyParser struct {
	files    *Files
	env      map[string]string
	snippets map[string][]caddyToken
	missing  []Missing
	taken    int
}

// caddyBlock is a block on the top level with what stands before its brace: addresses of a site, (snippet), &(route).
type caddyBlock struct {
	keys       []string
	directives []directive
	at         Position
}

// file cuts a file into words and follows its imports.
func (p *caddyParser) file(at string, depth int) ([]caddyToken, error) {
	text, err := p.files.Read(at)
	if err != nil {
		return nil, err
	}
	user, _ := p.files.User(at)
	return p.expand(caddyTokens(caddyEnv(text, p.env), user), at, depth)
}

// expand puts what is imported in the place of the imports, and takes the snippets out
// (https://caddyserver.com/docs/caddyfile/directives/import).
func (p *caddyParser) expand(tokens []caddyToken, at string, depth int) ([]caddyToken, error) {
	var out []caddyToken
	level := 0
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		case t.opens():
			level++
		case t.closes():
			level--
		case t.first && t.text == "import" && !t.quoted && depth < maxDepth:
			end := endOfDirective(tokens, i)
			inside, err := p.imported(tokens[i:end], at, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, inside...)
			i = end - 1
			continue
		case level == 0 && t.first && isSnippet(t.text) && i+1 < len(tokens) && tokens[i+1].opens():
			end := endOfDirective(tokens, i)
			p.snippets[strings.Trim(t.text, "()")] = inBraces(tokens[i+1 : end])
			i = end - 1
			continue
		}
		out = append(out, t)
	}
	p.taken += len(out)
	if p.taken > maxTokens {
		return nil, errors.New("the Caddyfile's imports never end: does a file or a snippet import itself?")
	}
	return out, nil
}

func isSnippet(text string) bool { return strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") }

// endOfDirective is the index behind the directive that begins at i: behind its line, or behind the block that its line opens.
func endOfDirective(tokens []caddyToken, i int) int {
	level := 0
	for i++; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		case level == 0 && (t.first || t.closes()):
			return i
		case t.opens():
			level++
		case t.closes():
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return i
}

// inBraces takes the braces off.
func inBraces(tokens []caddyToken) []caddyToken {
	if len(tokens) > 0 && tokens[0].opens() {
		tokens = tokens[1:]
	}
	if n := len(tokens); n > 0 && tokens[n-1].closes() {
		tokens = tokens[:n-1]
	}
	return tokens
}

// imported gives what one import leads to: a snippet, or files by a path that counts from the importing file's folder. The
// arguments behind it stand for {args[0]}, and a block for {block}.
func (p *caddyParser) imported(line []caddyToken, at string, depth int) ([]caddyToken, error) {
	var args []string
	var block []caddyToken
	for i, t := range line[1:] {
		if t.opens() {
			block = inBraces(line[1+i:])
			break
		}
		args = append(args, t.text)
	}
	if len(args) == 0 {
		return nil, nil
	}
	if snippet, known := p.snippets[args[0]]; known {
		return p.expand(fillIn(snippet, args[1:], block), at, depth)
	}
	return p.importFiles(args, block, line[0].at, at, depth)
}

func (p *caddyParser) importFiles(args []string, block []caddyToken, pos Position, at string, depth int) ([]caddyToken, error) {
	name := absolute(path.Dir(at), args[0])
	found := []string{name}
	if strings.ContainsAny(name, "*?[") {
		found = p.files.Glob(name)
	}
	var out []caddyToken
	for _, file := range found {
		tokens, err := p.file(file, depth)
		if errors.Is(err, fs.ErrNotExist) {
			p.missing = append(p.missing, Missing{Path: file, At: pos})
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, fillIn(tokens, args[1:], block)...)
	}
	return out, nil
}

var caddyArgument = regexp.MustCompile(`\{args(?:\.(\d+)|\[(\d+)\])\}`)

// fillIn puts arguments and a block where they are asked for.
func fillIn(tokens []caddyToken, args []string, block []caddyToken) []caddyToken {
	var out []caddyToken
	for _, t := range tokens {
		switch {
		case t.text == "{block}":
			out = append(out, block...)
			continue
		case t.text == "{args[:]}" && !t.quoted:
			for i, arg := range args {
				out = append(out, caddyToken{text: arg, first: t.first && i == 0, at: t.at})
			}
			continue
		}
		t.text = caddyArgument.ReplaceAllStringFunc(t.text, func(placeholder string) string {
			i, err := strconv.Atoi(strings.Trim(placeholder, "{args.[]}"))
			if err != nil || i >= len(args) {
				return placeholder
			}
			return args[i]
		})
		out = append(out, t)
	}
	return out
}

// blocks gathers the blocks of the top level. A Caddyfile of one site alone may leave the braces away.
func caddyBlocks(tokens []caddyToken) []caddyBlock {
	var blocks []caddyBlock
	for i := 0; i < len(tokens); {
		b := caddyBlock{at: tokens[i].at}
		for more := true; i < len(tokens) && !tokens[i].opens() && (more || !tokens[i].first); i++ {
			key, comma := strings.CutSuffix(tokens[i].text, ",")
			b.keys = append(b.keys, key)
			more = comma
		}
		if i == len(tokens) || !tokens[i].opens() {
			b.directives = caddyDirectives(tokens[i:], 0)
			return append(blocks, b)
		}
		end := i + len(nested(tokens[i:]))
		b.directives = caddyDirectives(inBraces(tokens[i:end]), 0)
		blocks = append(blocks, b)
		i = end
	}
	return blocks
}

// nested is the block that the tokens begin with, with its braces.
func nested(tokens []caddyToken) []caddyToken {
	level := 0
	for i, t := range tokens {
		switch {
		case t.opens():
			level++
		case t.closes():
			if level--; level <= 0 {
				return tokens[:i+1]
			}
		}
	}
	return tokens
}

// caddyDirectives makes a tree of the directives in a block.
func caddyDirectives(tokens []caddyToken, depth int) []directive {
	var all []directive
	for i := 0; i < len(tokens) && depth < maxDepth; {
		d := directive{name: tokens[i].text, at: tokens[i].at}
		end := endOfDirective(tokens, i)
		for j := i + 1; j < end; j++ {
			if tokens[j].opens() {
				d.block = caddyDirectives(inBraces(tokens[j:end]), depth+1)
				break
			}
			d.args = append(d.args, tokens[j].text)
		}
		all = append(all, d)
		i = end
	}
	return all
}
