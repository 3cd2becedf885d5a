package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nyaruka/phonenumbers"

	"qserve/account"
	"qserve/console"
)

// functions are what templates can say. Those that take no time speak of now.
func (s *server) functions() template.FuncMap {
	now := func() time.Time { return s.Service.Clock.Now() }
	return template.FuncMap{
		"asset":   assetPath,
		"money":   s.words.money,
		"amount":  s.words.amount,
		"count":   func(n any) string { return s.words.count(toInt(n)) },
		"plural":  func(n any, one string) string { return plural(toInt(n), one) },
		"rate":    rate,
		"line":    s.eventLine,
		"summary": s.words.summary,
		"amounts": s.words.amounts,
		"facts": func(kind string, before, after map[string]string) []fact {
			return s.words.facts(kind, before, after, now())
		},
		"phone":      func(number string) string { return nationalPhone(number, s.Service.Region) },
		"action":     actionName,
		"suspension": func(category string) string { return strings.ReplaceAll(category, "-", " ") },
		"join":       strings.Join,
		"duration":   func(d console.Duration) string { return account.Duration(d).String() },
		"escape":     url.PathEscape,
		"same":       func(a, b any) bool { return toTime(a).Equal(toTime(b)) },
		"dict":       dict,
		// The live stream of a profile shows the same list as its page.
		"live": func(address string) string {
			path, query, _ := strings.Cut(address, "?")
			return path + "/live?" + query
		},
		// A time element shows how an instant is read, and to the second on hover.
		"at":       func(t any) template.HTML { return s.timeElement(t, s.words.at) },
		"day":      func(t any) template.HTML { return s.timeElement(t, s.words.date) },
		"relative": func(t any) template.HTML { return s.timeElement(t, s.words.relative) },
		"stamp":    func(t any) template.HTML { return s.timeElement(t, s.words.stamp) },
		"second": func(t any) template.HTML {
			return s.timeElement(t, func(t, _ time.Time) string { return s.words.second(t) })
		},
		"both": func(t any) template.HTML {
			return s.timeElement(t, func(t, now time.Time) string { return s.words.at(t, now) + ", " + s.words.relative(t, now) })
		},
		"span": func(seconds float64) string { return span(time.Duration(seconds * float64(time.Second))) },
		"since": func(t any) string {
			if at := toTime(t); !at.IsZero() {
				return span(now().Sub(at))
			}
			return ""
		},
		"icon": iconOf,
	}
}

// timeElement is an instant as the page shows it; nothing for none. A page has dozens of them, so it is put together by
// hand.
func (s *server) timeElement(value any, write func(t, now time.Time) string) template.HTML {
	t := toTime(value)
	if t.IsZero() {
		return ""
	}
	element := append(make([]byte, 0, 128), `<time datetime="`...)
	element = t.UTC().AppendFormat(element, time.RFC3339)
	element = append(element, `" title="`...)
	element = s.words.appendFull(element, t)
	element = append(element, `">`...)
	element = append(element, template.HTMLEscapeString(write(t, s.Service.Clock.Now()))...)
	return template.HTML(append(element, `</time>`...)) //nolint:gosec // G203: nothing here comes from people
}

// icons are the pictures beside words, each as it stands in a page.
var icons = sync.OnceValue(func() map[string]template.HTML {
	all := map[string]template.HTML{}
	for _, found := range iconName.FindAllSubmatch(assets()["icons.svg"].plain, -1) {
		all[string(found[1])] = template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + assetPath("icons.svg") + `#` + string(found[1]) + `"></use></svg>`) //nolint:gosec // G203: our own file
	}
	return all
})

var iconName = regexp.MustCompile(`<symbol id="([a-z0-9-]+)"`)

func iconOf(name string) (template.HTML, error) {
	picture, ok := icons()[name]
	if !ok {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return picture, nil
}

func toTime(value any) time.Time {
	switch t := value.(type) {
	case time.Time:
		return t
	case *time.Time:
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

func toInt(value any) int64 {
	switch n := value.(type) {
	case int:
		return int64(n)
	case int32:
		return int64(n)
	case int64:
		return n
	case *int64:
		return *n
	}
	return 0
}

// dict hands several values to a template by name.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict takes names and values in turns, and got %d", len(pairs))
	}
	values := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is not a name", pairs[i])
		}
		values[name] = pairs[i+1]
	}
	return values, nil
}

// nationalPhone is a number as people in the provider's country write it: 0712 345678.
func nationalPhone(number, region string) string {
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil {
		return number
	}
	if phonenumbers.GetRegionCodeForNumber(parsed) == region {
		return phonenumbers.Format(parsed, phonenumbers.NATIONAL)
	}
	return phonenumbers.Format(parsed, phonenumbers.INTERNATIONAL)
}

// actionName is what an action is called on its button.
func actionName(kind string) string {
	switch kind {
	case "change-package":
		return "Change Package"
	case "cancel-change":
		return "Cancel the planned change"
	case "create":
		return "New subscriber"
	case "expire":
		return "Expiry"
	case "note":
		return "Note"
	case "delete":
		return "Delete Account"
	case "unallocate":
		return "Take the payment back"
	case "reverse":
		return "Reverse the payment"
	}
	if kind == "" {
		return ""
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// who is an actor of the books as people say it.
func who(actor string, m console.Member) string {
	if actor == m.Name {
		return "you"
	}
	return strings.TrimPrefix(actor, "staff ")
}
