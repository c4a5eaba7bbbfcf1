package diagnose

import (
	"iter"
	"math/bits"
	"slices"
)

// maxTexts bounds the texts that one automaton looks for.
const maxTexts = 448

// found is a set of texts, by their numbers.
type found [maxTexts / 64]uint64

func (f *found) add(i int)      { f[i/64] |= 1 << (i % 64) }
func (f *found) has(i int) bool { return f[i/64]&(1<<(i%64)) != 0 }
func (f *found) join(other *found) {
	for i := range f {
		f[i] |= other[i]
	}
}
func (f *found) meets(o *found) bool {
	for i := range f {
		if f[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// count tells how many texts there are.
func (f *found) count() int {
	n := 0
	for _, w := range f {
		n += bits.OnesCount64(w)
	}
	return n
}

// each goes through the texts in order.
func (f *found) each() iter.Seq[int] { return ones(f[:]) }

// ones goes through the bits that are set.
func ones(words []uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range words {
			for ; word != 0; word &= word - 1 {
				if !yield(w*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// automaton finds many texts in one pass over a line, whatever their number: Aho and Corasick, Efficient string matching
// (CACM 18(6), 1975), with all transitions worked out beforehand.
type automaton struct {
	class   [256]uint8 // bytes that no text has are of class 0
	classes int
	next    []uint16 // by state and class; the states that end texts are the last ones
	ends    []found  // of the states from first on
	first   uint16
}

// newAutomaton makes an automaton for texts; there are at most [maxTexts] of them, none empty.
func newAutomaton(texts []string) *automaton {
	a := &automaton{classes: 1}
	for _, text := range texts {
		for i := range len(text) {
			if a.class[text[i]] == 0 {
				a.class[text[i]] = uint8(a.classes)
				a.classes++
			}
		}
	}
	t := a.trie(texts)
	t.link()
	a.number(t)
	return a
}

// trie is the tree of all texts; node 0 is its root.
type trie struct {
	width int
	child []int // by node and class; 0: none, as nothing leads back to the root
	ends  []found
	order []int // breadth first
	fails []int
}

func (a *automaton) trie(texts []string) *trie {
	t := &trie{width: a.classes, child: make([]int, a.classes), ends: make([]found, 1)}
	for n, text := range texts {
		at := 0
		for i := range len(text) {
			slot := at*t.width + int(a.class[text[i]])
			if t.child[slot] == 0 {
				t.child[slot] = len(t.ends)
				t.child = append(t.child, make([]int, t.width)...)
				t.ends = append(t.ends, found{})
			}
			at = t.child[slot]
		}
		t.ends[at].add(n)
	}
	return t
}

// link works out where to go on when a text does not go on.
func (t *trie) link() {
	t.fails = make([]int, len(t.ends))
	t.order = []int{0}
	for i := 0; i < len(t.order); i++ {
		node := t.order[i]
		for c := range t.width {
			slot := node*t.width + c
			child, other := t.child[slot], t.child[t.fails[node]*t.width+c]
			switch {
			case child == 0:
				t.child[slot] = other
			default:
				if node != 0 {
					t.fails[child] = other
					t.ends[child].join(&t.ends[other])
				}
				t.order = append(t.order, child)
			}
		}
	}
}

// number gives the states that end a text the highest numbers, so that one comparison tells them.
func (a *automaton) number(t *trie) {
	states := slices.Clone(t.order)
	slices.SortStableFunc(states, func(x, y int) int { return min(t.ends[x].count(), 1) - min(t.ends[y].count(), 1) })
	number := make([]uint16, len(states))
	// The root stays the first one: it ends nothing.
	for i, node := range states {
		number[node] = uint16(i)
	}
	a.next = make([]uint16, len(states)*t.width)
	a.first = uint16(len(states))
	for i, node := range states {
		for c := range t.width {
			a.next[i*t.width+c] = number[t.child[node*t.width+c]]
		}
		if t.ends[node].count() > 0 {
			a.first = min(a.first, uint16(i))
			a.ends = append(a.ends, t.ends[node])
		}
	}
}

// scan adds the texts that the line has to f, and tells whether there is any.
func (a *automaton) scan(line []byte, f *found) bool {
	state, classes, any := uint16(0), a.classes, false
	next, class := a.next, &a.class
	for _, b := range line {
		state = next[int(state)*classes+int(class[b])]
		if state >= a.first {
			f.join(&a.ends[state-a.first])
			any = true
		}
	}
	return any
}
