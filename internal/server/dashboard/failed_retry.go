package dashboard

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

// bulk is what a retry of many came to.
type bulk struct {
	began   int64    // Deliveries that are tried again.
	replays bool     // Some of them by replays.
	refused []string // What was not begun, and why.
}

// refusalsTold bounds the notice.
const refusalsTold = 5

// retryFailed tries again what was selected: groups by a replay each, single
// deliveries one by one. One that is refused does not hold the others up, and
// what was begun is told whatever follows.
func retryFailed(v *visit) error {
	groups := v.r.PostForm["group"]
	single := slices.DeleteFunc(slices.Clone(v.r.PostForm["delivery"]), func(one string) bool { return slices.Contains(groups, groupOf(one)) })
	if len(groups)+len(single) == 0 {
		return v.tell("/failed", flash{Text: "Nothing was selected: tick what is to be retried."})
	}
	var b bulk
	for i, value := range append(groups[:len(groups):len(groups)], single...) {
		again := v.retryOne
		if i < len(groups) {
			again = v.retryGroup
		}
		err := again(value, &b)
		if err == nil {
			continue
		}
		if passing(statusOf(err)) && b.began == 0 {
			return err // Nothing was begun: the form is kept, to be sent again.
		}
		b.refused = append(b.refused, value+": "+faultText(err))
	}
	return b.tell(v)
}

func (v *visit) retryGroup(value string, b *bulk) error {
	id, reason, _ := strings.Cut(value, " ")
	var answer struct {
		Deliveries int64 `json:"deliveries"`
	}
	body := map[string]any{"webhook_id": id, "reason": reason}
	for _, bound := range []string{"since", "until"} { // Of what the page showed.
		if value := v.r.PostForm.Get(bound); value != "" {
			body[bound] = value
		}
	}
	if err := v.post("/v1/deliveries/retry", body, &answer); err != nil {
		return err
	}
	b.began += answer.Deliveries
	b.replays = true
	return nil
}

// groupOf returns the group of a single delivery, whose value is its id and the
// reason of its failure: one that is selected holds it already.
func groupOf(value string) string {
	id, reason, _ := strings.Cut(value, " ")
	webhook, _, err := alma.ParseDeliveryID(id)
	if err != nil {
		return ""
	}
	return webhook + " " + reason
}

func (v *visit) retryOne(value string, b *bulk) error {
	id, _, _ := strings.Cut(value, " ")
	if err := v.post("/v1/deliveries/"+url.PathEscape(id)+"/retry", nil, nil); err != nil {
		return err
	}
	b.began++
	return nil
}

// tell goes on to where the progress can be seen.
func (b *bulk) tell(v *visit) error {
	path, where := "/failed", "."
	if b.replays {
		path, where = "/replays", ", as below."
	}
	verb := "are"
	if b.began == 1 {
		verb = "is"
	}
	text := plural(b.began, "delivery") + " " + verb + " being tried again" + where
	if len(b.refused) == 0 {
		return v.done(path, text)
	}
	text += " Not begun: " + strings.Join(b.refused[:min(refusalsTold, len(b.refused))], " ")
	if more := len(b.refused) - refusalsTold; more > 0 {
		text += fmt.Sprintf(" And %d more.", more)
	}
	return v.tell(path, flash{Text: text})
}
