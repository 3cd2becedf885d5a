package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// LoginPath is the path of a person who may sign in.
type LoginPath struct {
	Login string `path:"login" maxLength:"100" example:"amina" doc:"What the person types to sign in."`
}

func (s *server) staffRoutes() {
	huma.Register(s.document, operation(tagAdmin, http.MethodGet, "/staff", "list-staff", "List staff",
		"The people who may sign in to the console, by login.", console.ScopeAdmin), s.listStaff)
	add := operation(tagAdmin, http.MethodPost, "/staff", "add-staff", "Add a person",
		"A password that Qserve made is in this answer only. A token can give only roles whose scopes it has itself.", console.ScopeAdmin)
	add.DefaultStatus = http.StatusCreated
	huma.Register(s.document, add, s.addStaff)
	huma.Register(s.document, operation(tagAdmin, http.MethodGet, "/staff/{login}", "get-staff", "Show a person", "With role, lock and last sign-in.",
		console.ScopeAdmin), s.getStaff)
	huma.Register(s.document, operation(tagAdmin, http.MethodPatch, "/staff/{login}", "change-staff", "Change a person",
		"Only the fields that are sent change. Refused with 409 when nobody would be owner any more, and with 403 for a person whose role has scopes "+
			"that the token lacks.", console.ScopeAdmin), s.changeStaff)
	huma.Register(s.document, operation(tagAdmin, http.MethodDelete, "/staff/{login}", "remove-staff", "Remove a person",
		"Ends the person's sessions at once. Refused with 409 for the only owner. What the person did stays in the history.", console.ScopeAdmin), s.removeStaff)
}

func (s *server) listStaff(ctx context.Context, _ *struct{}) (*page[console.StaffView], error) {
	list, err := s.Service.Staff(ctx)
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return whole(list), nil
}

type staffOutput struct{ Body console.StaffView }

func (s *server) getStaff(ctx context.Context, in *LoginPath) (*staffOutput, error) {
	view, err := s.Service.StaffMember(ctx, in.Login)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &staffOutput{view}, nil
}

type newStaffInput struct {
	Keyed
	Body console.NewStaff
}

func (s *server) addStaff(ctx context.Context, in *newStaffInput) (*made[console.MadeStaff], error) {
	if err := mayGive(ctx, in.Body.Role); err != nil {
		return nil, err
	}
	added, err := s.Service.AddStaff(ctx, by(ctx), in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &made[console.MadeStaff]{address("staff", added.Login), added}, nil
}

type staffChangeInput struct {
	LoginPath
	Keyed
	Body console.StaffChange
}

type madeStaffOutput struct{ Body console.MadeStaff }

func (s *server) changeStaff(ctx context.Context, in *staffChangeInput) (*madeStaffOutput, error) {
	view, err := s.Service.StaffMember(ctx, in.Login)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	// A password that is reset is in the answer: it would lend the role to who holds the token.
	roles := []string{view.Role}
	if in.Body.Role != nil {
		roles = append(roles, *in.Body.Role)
	}
	if err := mayGive(ctx, roles...); err != nil {
		return nil, err
	}
	changed, err := s.Service.ChangeStaff(ctx, by(ctx), in.Login, in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &madeStaffOutput{changed}, nil
}

type removeStaffInput struct {
	LoginPath
	Keyed
}

func (s *server) removeStaff(ctx context.Context, in *removeStaffInput) (*struct{}, error) {
	if err := s.Service.RemoveStaff(ctx, by(ctx), in.Login); err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return nil, nil
}

// mayGive refuses a role that may do what the token may not.
func mayGive(ctx context.Context, roles ...string) error {
	caller := callOf(ctx).caller
	for _, role := range roles {
		for _, scope := range console.Role(role).Scopes() {
			if !caller.May(scope) {
				return forbidden(scope, "token "+caller.Name+" has no scope "+string(scope)+", which the role "+role+" has")
			}
		}
	}
	return nil
}
