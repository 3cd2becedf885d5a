package stage

import (
	"context"
	"crypto/rand"
	"fmt"

	"qserve/console"
)

// SignIn is how somebody of the staff gets into the console.
type SignIn struct {
	User, Password string
	Role           console.Role
}

// Hire adds a member of the staff, whose password is the person's own already: nothing stands between the sign-in and
// the pages.
func (s *Stage) Hire(ctx context.Context, user, name string, role console.Role) (SignIn, error) {
	made, err := s.Staff.AddStaff(ctx, crew, console.NewStaff{Login: user, Name: name, Role: string(role)})
	if err != nil {
		return SignIn{}, err
	}
	member, err := s.Staff.SignIn(ctx, console.SignIn{Login: user, Password: made.Password, Source: "127.0.0.1"})
	if err != nil {
		return SignIn{}, fmt.Errorf("sign %s in for the first time: %w", user, err)
	}
	in := SignIn{User: user, Password: rand.Text()[:12], Role: role}
	_, err = s.Staff.ChangeOwnPassword(ctx, console.By{Actor: member.Name}, member, made.Password, in.Password)
	return in, err
}
