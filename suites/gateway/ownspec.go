package gateway

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// OwnSpec says how a product is run with the configuration that its user brought; the section `own` of gateway.yaml.
type OwnSpec struct {
	// Home is the folder where the product looks for its configuration, and Main the name of its main file there.
	Home string `yaml:"home"`
	Main string `yaml:"main"`
	// Version is the variable in which official images tell the product's version.
	Version string `yaml:"version"`
	// Images are images that have it elsewhere.
	Images []ImageLayout `yaml:"images"`
	// Run are the arguments that run the product in the foreground, and Check those that make it check the configuration and
	// exit. Templates, see [OwnView]; an argument that comes out empty is left out.
	Run   []string `yaml:"run"`
	Check []string `yaml:"check"`
	// Env is added to the environment; what the user sets counts more.
	Env map[string]string `yaml:"env"`
	// Folders are made where the image lacks them; everybody may write to them.
	Folders []string `yaml:"folders"`
	// Logs are files that the product logs to when its configuration names none. They lead to the container's log.
	Logs []string `yaml:"logs"`
	// Samples are files of images that would be read along with a user's folder. They are emptied when a folder is brought.
	Samples []string `yaml:"samples"`
	// Managed are the places, without their extension, of certificates that the product would get for a host from an
	// authority on the internet. Templates of the host's name; .crt, .key and .json lie there.
	Managed []string `yaml:"managed"`
	// Workers says that the product answers with several processes, of which each may remember for itself what servers failed.
	Workers bool `yaml:"workers"`
	// RootOnly finds in a configuration what the product refuses to do unless root starts it.
	RootOnly Regexp `yaml:"rootOnly"`
	// Syslog finds in a configuration that the product logs to the system's log server.
	Syslog Regexp `yaml:"syslog"`
	// Chroot finds, in its group, the folder that the product locks itself into.
	Chroot Regexp `yaml:"chroot"`
	// Noise are lines of the product's check that say nothing of the configuration.
	Noise Regexp `yaml:"noise"`
	// Stamp is what stands before a complaint, such as the time; it is taken away, and of equal lines one is kept.
	Stamp Regexp `yaml:"stamp"`
	// Hints say what to do about a complaint of the product.
	Hints []Hint `yaml:"hints"`
}

// ImageLayout is where images keep the configuration that set a variable in their environment.
type ImageLayout struct {
	Variable string `yaml:"variable"`
	Home     string `yaml:"home"`
	Main     string `yaml:"main"`
}

// Hint says what to do about a complaint of a product.
type Hint struct {
	// Match finds the complaint in a line. Its groups fill Say, as in [regexp.Regexp.Expand].
	Match Regexp `yaml:"match"`
	Say   string `yaml:"say"`
}

// of gives the hint about a line, or nothing.
func (h Hint) of(line string) string {
	at := h.Match.FindStringSubmatchIndex(line)
	if at == nil {
		return ""
	}
	return string(h.Match.ExpandString(nil, h.Say, line, at))
}

// OwnView is what the templates of [OwnSpec.Run] and [OwnSpec.Check] see.
type OwnView struct {
	// Config is the main file or, where the product reads all files of a folder, the folder.
	Config string
	// Prefix is the folder at which relative paths begin that do not begin at the main file's; see [config.Source].
	Prefix string
	// Foreground says that the configuration keeps the product in the foreground by itself.
	Foreground bool
}

// JSON tells whether the configuration is a JSON file.
func (v OwnView) JSON() bool { return path.Ext(v.Config) == ".json" }

// layout tells where an image has the configuration, by the variables that it sets.
func (s OwnSpec) layout(image Image) Layout {
	layout := Layout{Home: s.Home, Main: s.Main, Version: strings.TrimPrefix(image.variable(s.Version), "v")}
	for _, other := range s.Images {
		if image.variable(other.Variable) != "" {
			layout.Home, layout.Main = other.Home, other.Main
		}
	}
	return layout
}

// args expands arguments and leaves out the empty ones.
func (v OwnView) args(templates []string) ([]string, error) {
	args, err := expandAll(templates, v)
	return slices.DeleteFunc(args, func(a string) bool { return a == "" }), err
}

// problems are mistakes in the section; a product without the section cannot be run with its user's configuration.
func (s *OwnSpec) problems() []problem {
	if s == nil {
		return nil
	}
	var found []problem
	check := func(ok bool, format string, args ...any) {
		if !ok {
			found = append(found, problem{"own", fmt.Errorf(format, args...)})
		}
	}
	check(path.IsAbs(s.Home) && s.Main != "" && s.Main == path.Base(s.Main), "needs an absolute home and the name of a main file")
	for _, other := range s.Images {
		check(other.Variable != "" && path.IsAbs(other.Home) && other.Main != "", "images need a variable, a home and a main file")
	}
	for _, name := range slices.Concat(s.Folders, s.Logs, s.Samples, s.Managed) {
		check(path.IsAbs(name), "%q is no absolute path", name)
	}
	for _, templates := range [][]string{s.Run, s.Check} {
		_, err := OwnView{Config: s.Home + "/" + s.Main, Prefix: s.Home}.args(templates)
		check(len(templates) > 0, "needs run and check")
		check(err == nil, "%w", err)
	}
	for _, template := range s.Managed {
		_, err := expand(template, managedView{"example.org"})
		check(err == nil, "%w", err)
	}
	check(s.Chroot.Regexp == nil || s.Chroot.NumSubexp() == 1, "chroot needs one group")
	for _, hint := range s.Hints {
		check(hint.Match.Regexp != nil && hint.Say != "", "hints need match and say")
	}
	return found
}

// managedView is what the templates of [OwnSpec.Managed] see.
type managedView struct{ Host string }
