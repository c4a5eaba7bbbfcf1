package lab

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
)

//go:embed lessons/*.yaml
var lessonFiles embed.FS

// Lesson is a way through some experiments, one YAML file named after its id.
type Lesson struct {
	ID    string `yaml:"id" json:"id"`
	Order int    `yaml:"order" json:"-"` // place in the list; lessons of one's own come last
	Title string `yaml:"title" json:"title"`
	// Learn is what one knows after it, one sentence.
	Learn string       `yaml:"learn" json:"learn"`
	Steps []LessonStep `yaml:"steps" json:"steps"`
}

// LessonStep is one experiment with what is told before and after it.
type LessonStep struct {
	Title string `yaml:"title" json:"title"`
	Text  string `yaml:"text" json:"text"` // before
	Spec  `yaml:",inline"`
	// Ask is the question that a class guesses about; default: what will it say?
	Ask string `yaml:"ask" json:"ask"`
	// Explain is told with the answer.
	Explain string `yaml:"explain" json:"explain"`
}

// maxSteps bounds a lesson.
const maxSteps = 12

// defaultAsk is the question of a step that has none of its own.
const defaultAsk = "What will it say?"

var lessonWords = strict.Words{
	Empty: "the file holds no lesson; write one", Many: "the file holds more than one document; write one lesson a file",
	Keys:  "a lesson has",
	Types: map[string]string{"upstream.Duration": "a duration such as 500ms or 8s"},
}

// Lessons gives the built-in lessons, in their order.
func Lessons(c *scenarios.Catalogue) ([]*Lesson, error) {
	sub, err := fs.Sub(lessonFiles, "lessons")
	if err != nil {
		return nil, err
	}
	return loadLessons(sub, "lessons", c)
}

// WithLessons adds the lessons in a folder of one's own.
func WithLessons(all []*Lesson, dir string, c *scenarios.Catalogue) ([]*Lesson, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder of lessons; name a folder that holds *.yaml files", dir)
	}
	own, err := loadLessons(os.DirFS(dir), dir, c)
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return nil, fmt.Errorf("%s holds no lessons; put files named ID.yaml there", dir)
	}
	for _, l := range own {
		if slices.ContainsFunc(all, func(other *Lesson) bool { return other.ID == l.ID }) {
			return nil, fmt.Errorf("%s: there is a lesson %s already; rename the file", filepath.Join(dir, l.ID+".yaml"), l.ID)
		}
	}
	return append(slices.Clone(all), own...), nil
}

// Needed gives the scenarios whose lanes a bench needs for lessons and for whoever sends requests of his own, each once.
func Needed(all []*Lesson, c *scenarios.Catalogue) (out []*scenarios.Scenario) {
	add := func(s Spec) {
		if sc, err := s.resolve(c); err == nil && !slices.ContainsFunc(out, func(other *scenarios.Scenario) bool { return other.ID == sc.ID && other.Profile == sc.Profile }) {
			out = append(out, sc)
		}
	}
	add(Spec{})
	for _, l := range all {
		for _, s := range l.Steps {
			add(s.Spec)
		}
	}
	return out
}

func loadLessons(fsys fs.FS, prefix string, c *scenarios.Catalogue) ([]*Lesson, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []*Lesson
	var errs []error
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read lesson: %w", err)
		}
		l, err := decodeLesson(filepath.Join(prefix, name), strings.TrimSuffix(name, ".yaml"), data, c)
		all, errs = append(all, l), append(errs, err)
	}
	slices.SortStableFunc(all, func(a, b *Lesson) int { return cmp.Compare(a.Order, b.Order) })
	return all, errors.Join(errs...)
}

// decodeLesson reads one lesson and tells all its mistakes with their lines.
func decodeLesson(file, id string, data []byte, c *scenarios.Catalogue) (*Lesson, error) {
	l := &Lesson{}
	doc, err := strict.Load(file, data, l, lessonWords)
	if err != nil {
		return l, err
	}
	var errs []error
	wrong := func(bad bool, path, format string, args ...any) {
		if bad {
			errs = append(errs, doc.Errorf(path, format, args...))
		}
	}
	wrong(l.ID != id, "id", "id is %q but the file is called %s.yaml; make them the same", l.ID, id)
	wrong(l.Title == "", "title", "title is missing")
	wrong(l.Learn == "", "learn", "learn is missing: one sentence of what one knows after it")
	wrong(len(l.Steps) == 0 || len(l.Steps) > maxSteps, "steps", "a lesson has 1 to %d steps", maxSteps)
	for i := range l.Steps {
		s, at := &l.Steps[i], fmt.Sprintf("steps.%d", i)
		s.Ask, s.Lesson, s.Step = cmp.Or(s.Ask, defaultAsk), id, i+1
		wrong(s.Title == "" || s.Text == "" || s.Explain == "", at, "a step needs title, text and explain")
		wrong(s.Scenario == "" && s.Request == nil, at, "a step runs a scenario or sends a request")
		_, err := s.resolve(c)
		wrong(err != nil, at, "%w", err)
	}
	return l, errors.Join(errs...)
}
