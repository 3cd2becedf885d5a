package db

import "fmt"

// The identities that secrets are sealed to: a sealed value copied into another row or column does not open there.

// SubscriberPasswordRow is the identity of a subscriber's PPPoE password.
func SubscriberPasswordRow(id int64) string { return fmt.Sprintf("subscribers/%d/password", id) }

// RouterAPIPasswordRow is the identity of the password of a router's API user.
func RouterAPIPasswordRow(id int64) string { return fmt.Sprintf("routers/%d/api_password", id) }

// RouterRadiusSecretRow is the identity of the secret that a router and Qserve share for RADIUS and CoA.
func RouterRadiusSecretRow(id int64) string { return fmt.Sprintf("routers/%d/radius_secret", id) }

// SecondFactorRow is the identity of the secret of a person's second factor.
func SecondFactorRow(id int64) string { return fmt.Sprintf("staff/%d/second_factor", id) }

// AnswerRow is the identity of a stored answer of the staff API, which may show a password that was made.
func AnswerRow(token int64, key string) string { return fmt.Sprintf("api_answers/%d/%s", token, key) }
