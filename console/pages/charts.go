package pages

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// chart is a drawing of one series. It consists of numbers and words, which the template writes as SVG; the numbers are
// in units of its viewBox, which are about pixels. The largest and the last value stand beside their marks, so nobody has
// to point at anything.
type chart struct {
	ID       string // unique on its page
	Title    string
	Desc     string // what one sees in it
	Unit     string // of the values, in words
	From, To string // the ends of the time, in words
	Empty    string // said instead of a drawing
	Bars     []bar
	Lines    []string // the points of a polyline each: where nothing is known the line is broken
	Values   []label
	Right    float64 // end of the axis of time

	drawn   []spot
	highest int // of drawn
}

// bar is one value, with what is said of it on hover.
type bar struct {
	X, Y, Width, Height float64
	Text                string
}

// label is a value that is written into the drawing.
type label struct {
	X, Y   float64
	Anchor string
	Text   string
}

// mark is a value of a series, and how it is written.
type mark struct {
	Name  string // of its place on the axis: 3 Mar
	Value float64
	Text  string
}

// spot is a mark where it is drawn.
type spot struct {
	mark
	x, y float64
}

// The drawing's measures; chart.html has the same.
const (
	chartWidth  = 320
	plotTop     = 34  // below the unit and the largest value
	plotBottom  = 128 // above the words of the axis
	digitWidth  = 7   // of the text, at most
	labelGap    = 4
	barShare    = 0.72 // of its place
	leastHeight = 1    // so that something is seen of what is more than nothing
)

// barChart draws one bar for each mark, from nothing upwards.
func barChart(c chart, marks []mark) chart {
	c.begin(marks)
	top := c.top(marks)
	if top == 0 {
		return c
	}
	place := c.Right / float64(len(marks))
	for i, m := range marks {
		height := m.Value / top * (plotBottom - plotTop)
		if m.Value > 0 {
			height = max(height, leastHeight)
		}
		x := float64(i) * place
		c.drawn = append(c.drawn, spot{m, x + place/2, plotBottom - height})
		if m.Value > 0 {
			c.Bars = append(c.Bars, bar{
				X: tenth(x + place*(1-barShare)/2), Y: tenth(plotBottom - height), Width: tenth(place * barShare), Height: tenth(height),
				Text: m.Name + ": " + m.Text,
			})
		}
	}
	c.finish()
	return c
}

// instant is a mark at its time.
type instant struct {
	mark
	At time.Time
}

// lineChart draws the marks over the time from begin to end. Between two that are further apart than most, nobody knows
// what was.
func lineChart(c chart, points []instant, begin, end time.Time, most time.Duration) chart {
	marks := make([]mark, len(points))
	for i, p := range points {
		marks[i] = p.mark
	}
	c.begin(marks)
	if len(points) == 0 {
		return c
	}
	top := max(c.top(marks), 1)
	var line []string
	for i, p := range points {
		if i > 0 && p.At.Sub(points[i-1].At) > most {
			c.Lines, line = append(c.Lines, strings.Join(line, " ")), nil
		}
		x := c.Right * p.At.Sub(begin).Seconds() / end.Sub(begin).Seconds()
		y := plotBottom - p.Value/top*(plotBottom-plotTop)
		c.drawn = append(c.drawn, spot{p.mark, x, y})
		line = append(line, fmt.Sprintf("%g,%g", tenth(x), tenth(y)))
	}
	c.Lines = append(c.Lines, strings.Join(line, " "))
	c.finish()
	return c
}

// begin leaves room for the last value, right of its mark, where nothing else is drawn.
func (c *chart) begin(marks []mark) {
	c.Right = chartWidth
	if len(marks) > 0 {
		c.Right -= widthOf(marks[len(marks)-1].Text) + labelGap
	}
}

func (c *chart) top(marks []mark) (top float64) {
	for i, m := range marks {
		if m.Value > top {
			top, c.highest = m.Value, i
		}
	}
	return top
}

// finish labels the drawing, and says in words what is to be seen. There is something in it.
func (c *chart) finish() {
	c.Empty = ""
	last, highest := c.drawn[len(c.drawn)-1], c.drawn[c.highest]
	c.Values = append(c.Values, label{tenth(c.Right + labelGap), tenth(min(last.y+labelGap, plotBottom)), "start", last.Text})
	c.Desc = fmt.Sprintf("Last: %s, %s. Highest: %s, %s.", last.Text, last.Name, highest.Text, highest.Name)
	if c.highest == len(c.drawn)-1 {
		return
	}
	half := widthOf(highest.Text) / 2
	x := max(min(highest.x, c.Right-half), half)
	c.Values = append(c.Values, label{tenth(x), tenth(highest.y - labelGap), "middle", highest.Text})
}

func widthOf(text string) float64 { return digitWidth * float64(utf8.RuneCountInString(text)) }

func tenth(x float64) float64 { return math.Round(x*10) / 10 }
