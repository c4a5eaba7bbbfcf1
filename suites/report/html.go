package report

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	pages "github.com/gatefault/gatefault/suites/look"
	"github.com/gatefault/gatefault/suites/run"
)

//go:embed html/page.tmpl html/story.tmpl
var htmlFiles embed.FS

//go:embed html/page.css
var pageCSS string

//go:embed html/page.js
var pageJS string

var htmlTemplates = template.Must(template.ParseFS(htmlFiles, "html/*.tmpl"))

// HTMLOptions say what a page tells besides the results.
type HTMLOptions struct {
	Version string // the program's
	Repeat  Repeat // as in [TerminalOptions]
	// Scenario finds the scenario of a result that does not have it, as those read from JSON; nil where there is none.
	Scenario func(id string) *scenarios.Scenario
}

// HTML writes a run as one file that needs nothing else: the matrix with filters, a score of each gateway and, one click away,
// the story of each cell. What others wrote is escaped as text and, as [Printable] does it, where it would not be seen. The stories are compressed, those of one scenario together, and inflated when they are opened.
func HTML(w io.Writer, r *run.Report, o HTMLOptions) error {
	o.Repeat = o.Repeat.or()
	p := newPage("gatefault", "What gateways tell their clients when the upstream breaks", o)
	p.VerdictWord, p.ColumnHead, p.ColumnWord = "Verdict", "Gateway", "gateway"
	for _, c := range columns(r) {
		if own := func(res *run.Result) bool { return columnOf(res) == c.name }; slices.ContainsFunc(r.Results, own) {
			p.column(c.name)
		}
		if score, judged := scoreOf(c, r.Results); judged {
			p.Scores = append(p.Scores, score)
		}
	}
	p.Told = append(p.Told, "Run on "+r.Started.UTC().Format("2 January 2006, 15:04 UTC")+".")
	for _, res := range r.Results {
		v := look(res.Verdict)
		p.add(pageCell{column: columnOf(res), version: res.Gateway.Version, result: res, Verdict: string(res.Verdict), sign: v.mark,
			Meaning: v.meaning, Text: Cell(res), Word: Word(res), repeat: o.Repeat(res)})
	}
	p.words(r.Results, words())
	p.CellsLine, p.Took = cells(len(r.Results)), Timing(r.Timing, false)
	return p.write(w)
}

// columnOf names the column of a result: its gateway and, where nothing is expected, what is compared.
func columnOf(r *run.Result) string {
	if len(r.Standard) > 0 || r.Method == "" {
		return r.Gateway.Name
	}
	return r.Gateway.Name + " " + r.Gateway.Profile + " " + r.Method
}

// page is a page in the making; its exported fields are what the template shows.
type page struct {
	HTMLOptions
	Title, Subtitle, Policy string
	CSS                     template.CSS
	JS                      template.JS
	Told                    []string
	Scores                  []score
	FindingsLine            string
	Findings                []pageFinding
	Briefs                  []string
	VerdictWord             string
	ColumnHead, ColumnWord  string
	Columns                 []*pageColumn
	Groups                  []*pageGroup
	Legend                  []*pageLegend
	Words                   []Fact
	CellsLine, Took         string
	Stories                 map[string]string
}

type pageColumn struct{ Key, Name, Version string }

type pageGroup struct {
	Name string
	Rows []*pageRow
}

type pageRow struct {
	ID, Title, Story string
	Cells            []*pageCell
	cells            []pageCell
}

// pageCell is a cell on its way to the matrix.
type pageCell struct {
	ID, Verdict, Text, Word, Meaning string
	column, version, sign            string
	result, before                   *run.Result // before is what it was, in a comparison
	repeat                           string
	more                             []Fact // what its story tells besides
}

// Mark is the sign of the cell's verdict.
func (c *pageCell) Mark() template.HTML { return pages.Mark(c.Verdict, c.sign) }

// cellID is the fragment of the page's address that opens a cell.
func cellID(column, scenario string) string {
	return strings.ReplaceAll(column, " ", "/") + "/" + scenario
}

type pageLegend struct {
	Verdict, Meaning, sign string
	Count                  int
}

// Mark is the sign of the verdict.
func (l *pageLegend) Mark() template.HTML { return pages.Mark(l.Verdict, l.sign) }

// Fact is a labelled text.
type Fact struct{ Name, Text string }

func newPage(title, subtitle string, o HTMLOptions) *page {
	css, js := pages.CSS+pageCSS, pages.JS+pageJS
	return &page{HTMLOptions: o, Title: title, Subtitle: subtitle, CSS: template.CSS(css), JS: template.JS(js), //nolint:gosec // both are ours
		Stories: map[string]string{}, Policy: "default-src 'none'; script-src " + pages.Source(js) + "; style-src " + pages.Source(css) +
			"; base-uri 'none'; form-action 'none'"}
}

// Span is how many columns the matrix has.
func (p *page) Span() int { return len(p.Columns) + 1 }

// add puts a cell into its row, column and the legend.
func (p *page) add(c pageCell) {
	c.ID = cellID(c.column, c.result.ID)
	k := p.column(c.column)
	k.Version = cmp.Or(k.Version, c.version)
	row := p.row(c.result)
	row.cells = append(row.cells, c)
	i := slices.IndexFunc(p.Legend, func(l *pageLegend) bool { return l.Verdict == c.Verdict })
	if i < 0 {
		i = len(p.Legend)
		p.Legend = append(p.Legend, &pageLegend{Verdict: c.Verdict, Meaning: c.Meaning, sign: c.sign})
	}
	p.Legend[i].Count++
}

// column finds or makes a column.
func (p *page) column(name string) *pageColumn {
	for _, k := range p.Columns {
		if k.Key == name {
			return k
		}
	}
	k := &pageColumn{Key: name, Name: name}
	p.Columns = append(p.Columns, k)
	return k
}

// row finds or makes a result's row in the group of its cause.
func (p *page) row(r *run.Result) *pageRow {
	name := cmp.Or(string(r.Cause), "none")
	i := slices.IndexFunc(p.Groups, func(g *pageGroup) bool { return g.Name == name })
	if i < 0 {
		i = len(p.Groups)
		p.Groups = append(p.Groups, &pageGroup{Name: name})
	}
	g := p.Groups[i]
	for _, row := range g.Rows {
		if row.ID == r.ID {
			return row
		}
	}
	row := &pageRow{ID: r.ID}
	if s := p.scenario(r); s != nil {
		row.Title = s.Title
	}
	g.Rows = append(g.Rows, row)
	return row
}

// scenario is that of a result, if it is known.
func (p *page) scenario(r *run.Result) *scenarios.Scenario {
	if r.Scenario != nil || p.Scenario == nil {
		return r.Scenario
	}
	return p.Scenario(r.ID)
}

// words explains those words that the page uses.
func (p *page) words(results []*run.Result, all []word) {
	for _, w := range all {
		if slices.ContainsFunc(results, w.used) {
			p.Words = append(p.Words, Fact{w.text, w.meaning})
		}
	}
}

// write arranges the cells by the columns, compresses their stories and writes the page.
func (p *page) write(w io.Writer) error {
	p.sortLegend()
	n := 0
	for _, g := range p.Groups {
		for _, row := range g.Rows {
			row.Story = strconv.Itoa(n)
			n++
			row.Cells = make([]*pageCell, len(p.Columns))
			for i := range row.cells {
				c := &row.cells[i]
				row.Cells[slices.IndexFunc(p.Columns, func(k *pageColumn) bool { return k.Key == c.column })] = c
			}
			var err error
			if p.Stories[row.Story], err = p.compress(row); err != nil {
				return fmt.Errorf("write the page: %w", err)
			}
		}
	}
	var text bytes.Buffer
	err := htmlTemplates.ExecuteTemplate(&text, "page.tmpl", p)
	if err == nil {
		_, err = io.WriteString(w, pages.Visible(text.String()))
	}
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// sortLegend puts the verdicts in the order of the alphabet of verdicts, best first.
func (p *page) sortLegend() {
	order := func(l *pageLegend) int {
		all := append([]run.Verdict{"ok"}, run.Verdicts()...)
		if i := slices.Index(all, run.Verdict(l.Verdict)); i >= 0 {
			return i
		}
		return 3 // failed and ignored, beside drifted
	}
	slices.SortStableFunc(p.Legend, func(a, b *pageLegend) int { return cmp.Compare(order(a), order(b)) })
}

// compress makes the stories of a row: a JSON object by cell, in gzip, as base64.
func (p *page) compress(row *pageRow) (string, error) {
	told := map[string]string{}
	for i := range row.cells {
		c := &row.cells[i]
		var text bytes.Buffer
		if err := p.tell(&text, c); err != nil {
			return "", err
		}
		told[c.ID] = pages.Visible(text.String())
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if err := json.NewEncoder(z).Encode(told); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}

// tell writes the story of a cell or, where it is compared, both of its stories.
func (p *page) tell(w io.Writer, c *pageCell) error {
	if c.before == nil {
		return htmlTemplates.ExecuteTemplate(w, "story", p.story(c.result, "cell", c.repeat, c.more))
	}
	sides := []*story{p.story(c.before, "before", "", nil), p.story(c.result, "after", c.repeat, c.more)}
	sides[0].Heading, sides[1].Heading = "before", "after"
	return htmlTemplates.ExecuteTemplate(w, "sides", sides)
}

// score is how often a gateway does as the standards ask.
type score struct {
	Name, Version, Share, Words string
	Parts                       []scorePart
}

type scorePart struct{ From, Width, Colour string }

// scoreOf counts a gateway's cells; it says nothing of one that was not judged.
func scoreOf(c *column, results []*run.Result) (score, bool) {
	count := map[run.Verdict]int{}
	for _, r := range results {
		if r.Gateway.Name == c.name {
			count[r.Verdict]++
		}
	}
	counted := []struct {
		verdict run.Verdict
		colour  string
	}{{run.Standard, "good"}, {run.Deviates, "warn"}, {run.Drifted, "bad"}}
	all := count[run.Standard] + count[run.Deviates] + count[run.Drifted]
	if all == 0 {
		return score{}, false
	}
	s := score{Name: c.parts[0].Title, Version: c.version, Share: fmt.Sprintf("%d %%", count[run.Standard]*100/all),
		Words: fmt.Sprintf("%d of %d cells; %d deviate as known, %d drifted", count[run.Standard], all, count[run.Deviates], count[run.Drifted])}
	if left := count[run.Unsupported] + count[run.NotInjected] + count[run.Error]; left > 0 {
		s.Words += fmt.Sprintf(", %d not counted", left)
	}
	from := 0.0
	for _, part := range counted {
		width := float64(count[part.verdict]) * 100 / float64(all)
		s.Parts = append(s.Parts, scorePart{fmt.Sprintf("%.2f", from), fmt.Sprintf("%.2f", width), part.colour})
		from += width
	}
	return s, true
}
