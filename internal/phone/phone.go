// Package phone reads telephone numbers the way people type them and shows them without giving them away.
//
// Numbers are kept in E.164 (ITU-T E.164 §6: "+", country code, number; 15 digits at most), so that 0712 345 678 from a
// staff member and 254712345678 from a payment provider are found to be the same customer. Which numbers exist is
// decided by libphonenumber's metadata, not by guesses about lengths here.
package phone

import (
	"strings"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// maxText bounds what is worth parsing, in bytes; E.164 has 15 digits and people put spaces and brackets between them.
const maxText = 64

// E164 reads a number as anyone types it in region (ISO 3166-1 alpha-2, such as KE): 0712 345 678, +254 712-345-678,
// 254712345678 or 00254712345678. It is false when the text is no number that exists there or, with its country code,
// anywhere.
func E164(text, region string) (string, bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxText || !utf8.ValidString(text) {
		return "", false
	}
	if number, ok := valid(text, region); ok {
		return number, true
	}
	// Payment providers send the country code without a plus sign, and 00 is dialled in most of the world but not in
	// every region's metadata.
	digits := strings.TrimPrefix(text, "00")
	if first, _ := utf8.DecodeRuneInString(digits); first < '1' || first > '9' {
		return "", false
	}
	return valid("+"+digits, region)
}

func valid(text, region string) (string, bool) {
	number, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsValidNumber(number) || number.GetExtension() != "" {
		return "", false
	}
	return phonenumbers.Format(number, phonenumbers.E164), true
}

// Region reports whether E164 knows that region (ISO 3166-1 alpha-2, upper case).
func Region(region string) bool {
	return phonenumbers.GetSupportedRegions()[region]
}

// Mask hides the middle of an E.164 number, +254712•••678 for +254712345678, so that a person can recognise a number
// that is known to them and nobody can read one that is not. At least three digits are hidden; a text that is too short
// for that is hidden whole.
func Mask(e164 string) string {
	const hidden, tail = 3, 3
	digits := []rune(e164)
	if len(digits) < hidden+tail+1 {
		return strings.Repeat("•", len(digits))
	}
	head := len(digits) - hidden - tail
	return string(digits[:head]) + strings.Repeat("•", hidden) + string(digits[head+hidden:])
}
