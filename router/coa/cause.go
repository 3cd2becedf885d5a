package coa

import "strconv"

// Cause is the Error-Cause of an answer (RFC 5176 §3.5).
type Cause int

// The causes of RFC 5176 §3.5. Which of them RouterOS sends, besides SessionNotFound, is undocumented.
const (
	ResidualContextRemoved       Cause = 201
	InvalidEAPPacket             Cause = 202
	UnsupportedAttribute         Cause = 401
	MissingAttribute             Cause = 402
	NASIdentificationMismatch    Cause = 403
	InvalidRequest               Cause = 404
	UnsupportedService           Cause = 405
	UnsupportedExtension         Cause = 406
	InvalidAttributeValue        Cause = 407
	AdministrativelyProhibited   Cause = 501
	RequestNotRoutable           Cause = 502
	SessionNotFound              Cause = 503
	SessionNotRemovable          Cause = 504
	OtherProxyProcessingError    Cause = 505
	ResourcesUnavailable         Cause = 506
	RequestInitiated             Cause = 507
	MultipleSessionsNotSupported Cause = 508
)

var causes = map[Cause]string{
	ResidualContextRemoved:       "Residual-Context-Removed",
	InvalidEAPPacket:             "Invalid-EAP-Packet",
	UnsupportedAttribute:         "Unsupported-Attribute",
	MissingAttribute:             "Missing-Attribute",
	NASIdentificationMismatch:    "NAS-Identification-Mismatch",
	InvalidRequest:               "Invalid-Request",
	UnsupportedService:           "Unsupported-Service",
	UnsupportedExtension:         "Unsupported-Extension",
	InvalidAttributeValue:        "Invalid-Attribute-Value",
	AdministrativelyProhibited:   "Administratively-Prohibited",
	RequestNotRoutable:           "Request-Not-Routable",
	SessionNotFound:              "Session-Context-Not-Found",
	SessionNotRemovable:          "Session-Context-Not-Removable",
	OtherProxyProcessingError:    "Other-Proxy-Processing-Error",
	ResourcesUnavailable:         "Resources-Unavailable",
	RequestInitiated:             "Request-Initiated",
	MultipleSessionsNotSupported: "Multiple-Session-Selection-Unsupported",
}

// String is the number with the name that RFC 5176 gives it: "503 Session-Context-Not-Found".
func (c Cause) String() string {
	if c == 0 {
		return "no Error-Cause"
	}
	if name, ok := causes[c]; ok {
		return strconv.Itoa(int(c)) + " " + name
	}
	return strconv.Itoa(int(c)) + " unknown Error-Cause"
}
