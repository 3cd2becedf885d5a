package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// commandInput is a command that can be previewed.
type commandInput[O console.Order] struct {
	AccountPath
	Keyed
	Preview bool `query:"preview" example:"false" doc:"Only tell what the command would do: 200 with a preview, and nothing changes."`
	Body    O
}

// orderInput is a command that is given at once.
type orderInput[O console.Order] struct {
	AccountPath
	Keyed
	Body O
}

// accepted is the answer to a command that can be previewed: 202 with the action, or 200 with the preview.
type accepted struct {
	Status   int
	Location string `header:"Location" example:"/api/v1/actions/1017" doc:"The action."`
	Body     any
}

// given is the answer to a command that has no preview.
type given struct {
	Location string `header:"Location" example:"/api/v1/actions/1017" doc:"The action."`
	Body     console.Given
}

func (s *server) commandRoutes() {
	command[console.SuspendOrder](s, "/subscribers/{id}/suspend", "suspend-subscriber", "Suspend",
		"The customer is disconnected at once, and cannot dial until the account is reconnected. With until that happens by itself.")
	command[console.ReconnectOrder](s, "/subscribers/{id}/reconnect", "reconnect-subscriber", "Reconnect",
		"Lifts a suspension; gives an expired account a time of grace. Refused with 409 when the account is neither.")
	command[console.ChangeOrder](s, "/subscribers/{id}/change-package", "change-package", "Change the package",
		"Now: the new rate reaches the live session where the router can do that. At renewal: recorded, shown in the profile, and cancellable until then.")
	command[console.ExtendOrder](s, "/subscribers/{id}/extend", "extend-subscriber", "Extend the paid time",
		"Gives whole days without money. Does not lift a suspension.")
	command[console.UndoOrder](s, "/subscribers/{id}/undo", "undo-command", "Undo an extension, a note or a suspension",
		"Takes back what an action of the last minute did: the paid time is as it was before the extension, the note is withdrawn and what it pinned goes, "+
			"or it is as if the account had never been suspended. A suspension can be undone later too, as long as its router has not confirmed it. "+
			"Refused with 409 when the minute is over, or something else has changed the paid time or ended the suspension since.")
	huma.Register(s.document, acceptedOnly(tagCommands, http.MethodDelete, "/subscribers/{id}/change-package", "cancel-package-change",
		"Cancel the scheduled package change", "Refused with 409 when none is scheduled.", console.ScopeSubscribers), s.cancelChange)
	huma.Register(s.document, acceptedOnly(tagCommands, http.MethodPost, "/subscribers/{id}/notes", "add-note", "Write a note",
		"Free text in the account's history.", console.ScopeSubscribers), s.addNote)
	edit := acceptedOnly(tagSubscribers, http.MethodPatch, "/subscribers/{id}", "edit-subscriber", "Edit a subscriber",
		"Only the fields that are sent change. A user name that is taken is refused with 409.", console.ScopeSubscribers)
	edit.Errors = append(edit.Errors, http.StatusPreconditionFailed)
	huma.Register(s.document, edit, s.editSubscriber)
	huma.Register(s.document, acceptedOnly(tagSubscribers, http.MethodDelete, "/subscribers/{id}", "delete-subscriber", "Delete a subscriber",
		"Removes the account and everything personal for good. Its credentials are taken off the router, also when that is away now.",
		console.ScopeDelete), s.deleteSubscriber)
}

// acceptedOnly describes a command that has no preview.
func acceptedOnly(tag, method, path, id, summary, text string, scopes ...console.Scope) huma.Operation {
	op := operation(tag, method, path, id, summary, text, scopes...)
	op.DefaultStatus = http.StatusAccepted
	return op
}

// command registers a command that can be previewed.
func command[O console.Order](s *server, path, id, summary, text string) {
	op := acceptedOnly(tagCommands, http.MethodPost, path, id, summary, text+" With preview=true nothing changes, and the answer says what would.",
		console.ScopeSubscribers)
	op.Responses = map[string]*huma.Response{
		"200": response[console.PreviewView](s, "What the command would do."),
		"202": response[console.ActionView](s, "Accepted; follow the action."),
	}
	huma.Register(s.document, op, func(ctx context.Context, in *commandInput[O]) (*accepted, error) {
		if in.Preview {
			preview, err := s.Service.Preview(ctx, in.ID, in.Body)
			if err != nil {
				return nil, s.problem(ctx, err, inBody)
			}
			return &accepted{Status: http.StatusOK, Body: preview}, nil
		}
		done, err := s.give(ctx, in.ID, in.Body, inBody)
		if err != nil {
			return nil, err
		}
		return &accepted{Status: http.StatusAccepted, Location: done.Location, Body: done.Body.ActionView}, nil
	})
}

// give gives a command to an account. Wrong fields of the order are looked for in that part of the request.
func (s *server) give(ctx context.Context, ref string, order console.Order, part string) (*given, error) {
	done, err := s.Service.Give(ctx, by(ctx), ref, order)
	if err != nil {
		return nil, s.problem(ctx, err, part)
	}
	return &given{Location: follow(ctx, done.ID), Body: done}, nil
}

// follow returns the address of an action, and notes the action for the log line of its request.
func follow(ctx context.Context, action int64) string {
	callOf(ctx).action = action
	return fmt.Sprintf("%s/actions/%d", Prefix, action)
}

type cancelChangeInput struct {
	AccountPath
	Keyed
}

func (s *server) cancelChange(ctx context.Context, in *cancelChangeInput) (*given, error) {
	return s.give(ctx, in.ID, console.CancelChangeOrder{}, inPath)
}

func (s *server) addNote(ctx context.Context, in *orderInput[console.NoteOrder]) (*given, error) {
	return s.give(ctx, in.ID, in.Body, inBody)
}

type editInput struct {
	AccountPath
	Keyed
	IfMatch string `header:"If-Match" maxLength:"100" example:"W/\"7\"" doc:"The ETag of the subscriber as it was seen: the edit is refused with 412 when it has been edited since."`
	Body    console.EditOrder
}

func (s *server) editSubscriber(ctx context.Context, in *editInput) (*given, error) {
	in.Body.Revision = revision(in.IfMatch)
	return s.give(ctx, in.ID, in.Body, inBody)
}

type deleteInput struct {
	AccountPath
	Keyed
	Confirm string `query:"confirm" required:"true" maxLength:"64" example:"ACC-0042" doc:"The account number, typed once more."`
}

func (s *server) deleteSubscriber(ctx context.Context, in *deleteInput) (*given, error) {
	return s.give(ctx, in.ID, console.DeleteOrder{Confirm: in.Confirm}, inQuery)
}
