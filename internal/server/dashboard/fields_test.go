package dashboard_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
)

var (
	inputTag    = regexp.MustCompile(`<input[^>]*>`)
	areaTag     = regexp.MustCompile(`(?s)<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>`)
	selectTag   = regexp.MustCompile(`(?s)<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>`)
	nameOf      = regexp.MustCompile(` name="([^"]+)"`)
	valueOf     = regexp.MustCompile(` value="([^"]*)"`)
	selectedTag = regexp.MustCompile(`<option value="([^"]*)" selected`)
)

// fields reads the settings form of a page as a browser would send it.
func fields(body string) url.Values {
	_, body, _ = strings.Cut(body, `class="settings"`)
	body, _, _ = strings.Cut(body, "</form>")
	form := url.Values{}
	for _, tag := range inputTag.FindAllString(body, -1) {
		name, value := nameOf.FindStringSubmatch(tag), valueOf.FindStringSubmatch(tag)
		if name != nil && value != nil && (!strings.Contains(tag, "checkbox") || strings.Contains(tag, " checked")) {
			form.Set(name[1], html.UnescapeString(value[1]))
		}
	}
	for _, found := range areaTag.FindAllStringSubmatch(body, -1) {
		form.Set(found[1], html.UnescapeString(found[2]))
	}
	for _, found := range selectTag.FindAllStringSubmatch(body, -1) {
		if chosen := selectedTag.FindStringSubmatch(found[2]); chosen != nil {
			form.Set(found[1], html.UnescapeString(chosen[1]))
		}
	}
	return form
}
