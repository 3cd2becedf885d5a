package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

type sourceOutput struct{ Body console.SourceView }

type sourceSecretOutput struct{ Body console.SourceSecret }

func (s *server) sourceRoutes() {
	huma.Register(s.document, operation(tagSources, http.MethodGet, "/sources", "list-sources", "List payment sources",
		"With the addresses to give to each provider. Needs the scope admin: who knows an address can send payments to it where the provider signs nothing.",
		console.ScopeAdmin), s.listSources)
	add := operation(tagSources, http.MethodPost, "/sources", "add-source", "Add a payment source",
		"The answer has the addresses to give to the provider, and this once the secret that signs its deliveries.", console.ScopeAdmin)
	add.DefaultStatus = http.StatusCreated
	huma.Register(s.document, add, s.addSource)
	huma.Register(s.document, operation(tagSources, http.MethodGet, "/sources/{name}", "get-source", "Show a payment source", "Also an archived one.",
		console.ScopeAdmin), s.getSource)
	huma.Register(s.document, operation(tagSources, http.MethodPatch, "/sources/{name}", "change-source", "Rename a payment source",
		"Where its money goes cannot be changed: that is another source.", console.ScopeAdmin), s.changeSource)
	huma.Register(s.document, operation(tagSources, http.MethodDelete, "/sources/{name}", "archive-source", "Archive a payment source",
		"Its addresses take nothing any more, within seconds; what they took stays.", console.ScopeAdmin), s.archiveSource)
	huma.Register(s.document, operation(tagSources, http.MethodPost, "/sources/{name}/rotate", "rotate-secret", "Give a payment source a new secret",
		"The secrets before stay in force for a while, because a provider's retries are still signed with them.", console.ScopeAdmin), s.rotateSecret)
}

func (s *server) listSources(ctx context.Context, in *archivedToo) (*page[console.SourceView], error) {
	list, err := s.Service.Sources(ctx, in.Archived)
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return whole(list), nil
}

func (s *server) getSource(ctx context.Context, in *NamePath) (*sourceOutput, error) {
	view, err := s.Service.Source(ctx, in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &sourceOutput{view}, nil
}

type newSourceInput struct {
	Keyed
	Body console.NewSource
}

func (s *server) addSource(ctx context.Context, in *newSourceInput) (*made[console.SourceSecret], error) {
	view, err := s.Service.AddSource(ctx, by(ctx), in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &made[console.SourceSecret]{address("sources", view.Name), view}, nil
}

type sourceChangeInput struct {
	NamePath
	Keyed
	Body console.SourceChange
}

func (s *server) changeSource(ctx context.Context, in *sourceChangeInput) (*sourceOutput, error) {
	view, err := s.Service.ChangeSource(ctx, by(ctx), in.Name, in.Body)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &sourceOutput{view}, nil
}

func (s *server) archiveSource(ctx context.Context, in *endInput) (*sourceOutput, error) {
	view, err := s.Service.ArchiveSource(ctx, by(ctx), in.Name)
	if err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return &sourceOutput{view}, nil
}

type rotateInput struct {
	NamePath
	Keyed
	Body struct {
		OverlapHours int `json:"overlap_hours" minimum:"0" maximum:"720" example:"48" doc:"For how long the secrets before stay in force; 0 ends them at once."`
	}
}

func (s *server) rotateSecret(ctx context.Context, in *rotateInput) (*sourceSecretOutput, error) {
	view, err := s.Service.RotateSecret(ctx, by(ctx), in.Name, time.Duration(in.Body.OverlapHours)*time.Hour)
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &sourceSecretOutput{view}, nil
}
