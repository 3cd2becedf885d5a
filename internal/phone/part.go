package phone

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Beginnings lists what E.164 numbers may begin with when somebody has typed the first digits of one in region, with or
// without the code of the country and the zero before the area. digits has nothing but digits.
func Beginnings(digits, region string) []string {
	country := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
	if abroad, ok := strings.CutPrefix(digits, "00"); ok {
		return []string{"+" + abroad}
	}
	if area, ok := strings.CutPrefix(digits, "0"); ok {
		return []string{"+" + country + area}
	}
	if strings.HasPrefix(digits, country) {
		return []string{"+" + digits}
	}
	return []string{"+" + digits, "+" + country + digits}
}
