package console

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// ChangeStaff changes a person. Its errors are [*FieldError] where the input is wrong, [*NotFoundError], and
// [*ConflictError] when nobody would be owner any more.
func (s *Service) ChangeStaff(ctx context.Context, by By, login string, c StaffChange) (MadeStaff, error) {
	if err := c.check(); err != nil {
		return MadeStaff{}, err
	}
	var made MadeStaff
	var hash string
	if c.ResetPassword {
		made.Password = makePassword()
		var err error
		if hash, err = hashPassword(ctx, made.Password); err != nil {
			return MadeStaff{}, err
		}
	}
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		p, err := lockWithOwners(ctx, q, login, c.Role != nil && Role(*c.Role) != RoleOwner)
		if err != nil {
			return err
		}
		before := p
		done := c.apply(&p, hash)
		made.StaffView = s.viewStaff(p)
		if len(done) == 0 {
			return nil
		}
		if err := saveStaff(ctx, q, p); err != nil {
			return err
		}
		was, is := differ(staffFacts(before), staffFacts(p))
		return note(ctx, q, by, s.Clock.Now(), "staff-change", actor(p.Login), p.Login+": "+strings.Join(done, ", "), was, is)
	})
	if err != nil {
		return MadeStaff{}, err
	}
	return made, nil
}

func (c *StaffChange) check() error {
	if c.Name != nil {
		name := strings.TrimSpace(*c.Name)
		if err := checkLine("name", name, 1, 100); err != nil {
			return err
		}
		c.Name = &name
	}
	if c.Role != nil {
		if _, err := checkRole(*c.Role); err != nil {
			return err
		}
	}
	return nil
}

// apply changes a row, and returns in words what is not as it was.
func (c *StaffChange) apply(p *db.Staff, hash string) (done []string) {
	generation := p.Generation
	if c.Name != nil && *c.Name != p.Name {
		p.Name = *c.Name
		done = append(done, "another name")
	}
	if c.Role != nil && *c.Role != p.Role {
		p.Role, p.Generation = *c.Role, generation+1
		done = append(done, "role "+p.Role)
	}
	if hash != "" {
		p.PasswordHash, p.MustChange, p.Generation = hash, true, generation+1
		done = append(done, "password reset")
	}
	if (c.Unlock || hash != "") && (p.Failures > 0 || p.LockedUntil != nil) {
		p.Failures, p.LockedUntil = 0, nil
		if c.Unlock {
			done = append(done, "unlocked")
		}
	}
	if c.DropSecondFactor && p.TotpSealed != nil {
		p.TotpSealed = nil
		done = append(done, "second factor dropped")
	}
	if c.SignOut {
		p.Generation = generation + 1
		done = append(done, "signed out everywhere")
	}
	return done
}

// RemoveStaff ends a person's sign-ins and sessions. What the person did stays in the history, and the login may be given
// again. Its errors are [*NotFoundError], and [*ConflictError] when nobody would be owner any more.
func (s *Service) RemoveStaff(ctx context.Context, by By, login string) error {
	now := s.Clock.Now()
	return db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		p, err := lockWithOwners(ctx, q, login, true)
		if err != nil {
			return err
		}
		p.RemovedAt, p.TotpSealed = &now, nil
		p.Generation++
		if err := saveStaff(ctx, q, p); err != nil {
			return err
		}
		return note(ctx, q, by, now, "staff-remove", actor(p.Login), p.Login+" removed", staffFacts(p), nil)
	})
}

// lockWithOwners locks a person, and with leaves, which says that the person is to be an owner no more, that there is
// another one. All owners are locked first then, so that two who leave at once do so one after the other.
func lockWithOwners(ctx context.Context, q *db.Queries, login string, leaves bool) (db.Staff, error) {
	var owners []int64
	if leaves {
		var err error
		if owners, err = q.LockOwners(ctx); err != nil {
			return db.Staff{}, fmt.Errorf("lock the owners: %w", err)
		}
	}
	p, err := readStaff(ctx, login, q.LockStaffByLogin)
	if err != nil {
		return p, err
	}
	if leaves && len(owners) == 1 && owners[0] == p.ID {
		return p, conflict("", "%s is the only owner; make somebody else an owner first", p.Login)
	}
	return p, nil
}
