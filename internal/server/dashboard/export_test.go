package dashboard

import "time"

// What outside tests look at.
type (
	Chart      = chart
	Figures    = figures
	Stats      = stats
	StatsPoint = statsPoint
)

var (
	Percent = percent
	NiceTop = niceTop
	Number  = number
)

// NewFigures makes what a chart is drawn from.
func NewFigures(at []time.Time, most float64, values ...[]*float64) Figures {
	f := figures{id: "c", title: "C", at: at, values: values, most: most}
	for range values {
		f.names = append(f.names, "n")
	}
	return f
}

// Draw draws them.
func (f figures) Draw() Chart { return f.draw() }

// Charts draws the plots of the overview.
func (st *stats) Charts(now time.Time) []Chart { return charts(st, now) }

// FieldHelp returns what the form of a webhook says of each setting.
func FieldHelp() map[string]string {
	help := map[string]string{}
	for _, group := range fieldGroups {
		for _, f := range group.Fields {
			help[f.Name] = f.Help
		}
	}
	return help
}

// Held says what holds a delivery back whose webhook is like this.
func Held(state, health string, next time.Time) string {
	return deliveryPage{Webhook: &webhookView{State: state, Health: health}, Delivery: delivery{NextAttemptAt: &next}}.Held()
}
