package config

import (
	"path"
	"strings"
)

// tryFiles takes the first file that is there, or goes where the last argument leads.
// See https://nginx.org/en/docs/http/ngx_http_core_module.html#try_files.
func (w *nginxWalk) tryFiles(args []string) nginxEnd {
	last := args[len(args)-1]
	for _, arg := range args[:len(args)-1] {
		name, known := w.expand(arg)
		if known && w.there(name) {
			w.path = name
			return nginxOn
		}
	}
	if code, isCode := strings.CutPrefix(last, "="); isCode {
		return w.answer(code)
	}
	return w.jump(last)
}

// there says that a file below the document root is there, or a folder, which ends with a slash.
func (w *nginxWalk) there(name string) bool {
	if strings.HasSuffix(name, "/") {
		return w.isFolder(w.file(name))
	}
	return w.exists(w.file(name))
}

// isFolder says that a folder is there; the document root always is.
func (w *nginxWalk) isFolder(name string) bool {
	if root, _ := w.root(); name == w.file("") && !nginxVariable(root) {
		return true
	}
	return w.h.files.Has(name) && !w.h.files.isFile(name)
}

// exists says that a file is there, and notes it if that is only assumed.
func (w *nginxWalk) exists(file string) bool {
	if !strings.HasPrefix(file, "/") || strings.HasSuffix(file, "/") {
		return false
	}
	if w.h.files.isFile(file) {
		return true
	}
	if w.assume {
		w.wanted = append(w.wanted, file)
	}
	return w.assume
}

// file is where a path lies by root or alias; empty when that cannot be known.
// See https://nginx.org/en/docs/http/ngx_http_core_module.html#alias and #root, whose default is html.
func (w *nginxWalk) file(name string) string {
	root, alias := w.root()
	root, known := w.expand(root)
	if !known {
		return ""
	}
	if alias && w.place.expr != nil {
		return w.h.prefixed(root) // the whole file, made of what was captured
	}
	if alias {
		name = strings.TrimPrefix(name, w.place.match)
	}
	return path.Join(w.h.prefixed(root), name)
}

// root is the document root as written, or an alias.
func (w *nginxWalk) root() (folder string, alias bool) {
	for s := w.scope; s != nil; s = s.outer {
		if d := s.own("alias"); len(d) > 0 {
			return d[0].arg(0), true
		}
		if d := s.own("root"); len(d) > 0 {
			return d[0].arg(0), false
		}
	}
	return "html", false
}

// static is what nginx does without a handler: a file, the index of a folder, or an error.
func (w *nginxWalk) static() nginxEnd {
	if strings.HasSuffix(w.path, "/") {
		return w.index()
	}
	if w.exists(w.file(w.path)) {
		return nginxDone
	}
	return w.answer("404")
}

func (w *nginxWalk) index() nginxEnd {
	names := []string{"index.html"} // https://nginx.org/en/docs/http/ngx_http_index_module.html
	if d, ok := w.scope.find("index"); ok {
		names = d.args
	}
	for _, name := range names {
		if strings.HasPrefix(name, "/") {
			return w.jump(name)
		}
		if w.exists(w.file(w.path + name)) {
			return w.jump(w.path + name)
		}
	}
	return w.answer("403")
}
