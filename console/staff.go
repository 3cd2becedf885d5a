package console

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// StaffView is a person who may sign in to the console.
type StaffView struct {
	ID           int64      `json:"id" example:"4"`
	Login        string     `json:"login" example:"amina" doc:"What the person types; history and audit log name it."`
	Name         string     `json:"name" example:"Amina Wanjiru"`
	Role         string     `json:"role" enum:"owner,manager,support,viewer,ops" example:"support" doc:"What the person may do."`
	SecondFactor bool       `json:"second_factor" example:"true" doc:"Whether a code is asked for at each sign-in."`
	MustChange   bool       `json:"must_change" example:"false" doc:"Whether the password has to be changed before anything else, because somebody else chose it."`
	LockedUntil  *time.Time `json:"locked_until" doc:"Set while sign-ins are refused after too many wrong ones."`
	LastSignInAt *time.Time `json:"last_sign_in_at" doc:"Null when the person never signed in."`
	CreatedAt    time.Time  `json:"created_at"`
}

// MadeStaff is a person, with the password that was made, if one was. It is stored nowhere and cannot be shown again.
type MadeStaff struct {
	StaffView
	Password string `json:"password,omitempty" example:"EXAMPLEEXAMP" doc:"The password that was made; it is not shown again."`
}

// NewStaff is a person to be added.
type NewStaff struct {
	Login    string `json:"login" minLength:"1" maxLength:"100" example:"amina" doc:"A short name or an e-mail address; small letters, digits and . _ @ + -"`
	Name     string `json:"name,omitempty" maxLength:"100" example:"Amina Wanjiru" doc:"Absent: the login."`
	Role     string `json:"role" enum:"owner,manager,support,viewer,ops" example:"support" doc:"What the person may do."`
	Password string `json:"password,omitempty" maxLength:"200" example:"correct horse battery" doc:"At least 8 characters. Absent: one is made and shown in the answer. Either way it has to be changed at the first sign-in."`
}

// StaffChange is what is to change about a person; what is absent stays.
type StaffChange struct {
	Name             *string `json:"name,omitempty" minLength:"1" maxLength:"100" example:"Amina Wanjiru"`
	Role             *string `json:"role,omitempty" enum:"owner,manager,support,viewer,ops" example:"manager" doc:"Ends the person's sessions when it is another one."`
	ResetPassword    bool    `json:"reset_password,omitempty" example:"true" doc:"Makes a password, which is in the answer and has to be changed at the next sign-in. Ends the person's sessions and a lock."`
	Unlock           bool    `json:"unlock,omitempty" example:"true" doc:"Ends a lock after too many wrong sign-ins."`
	DropSecondFactor bool    `json:"drop_second_factor,omitempty" example:"true" doc:"For somebody whose telephone is gone."`
	SignOut          bool    `json:"sign_out,omitempty" example:"true" doc:"Ends the person's sessions."`
}

func (s *Service) viewStaff(row db.Staff) StaffView {
	v := StaffView{
		ID: row.ID, Login: row.Login, Name: row.Name, Role: row.Role, SecondFactor: row.TotpSealed != nil, MustChange: row.MustChange,
		LastSignInAt: utc(row.LastSignInAt), CreatedAt: row.CreatedAt.UTC(),
	}
	if locked(row, s.Clock.Now()) != nil {
		v.LockedUntil = utc(row.LockedUntil)
	}
	return v
}

// loginForm has nothing whose small and capital letters differ between programs, or that looks like something else.
var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,99}$`)

func foldLogin(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

func checkLogin(login string) error {
	if !loginForm.MatchString(login) {
		return bad("login", "must have 1 to 100 letters a to z, digits or . _ @ + - and begin with a letter or digit")
	}
	return nil
}

// Staff lists the people who may sign in, by login.
func (s *Service) Staff(ctx context.Context) ([]StaffView, error) {
	rows, err := db.New(s.Pool).ListStaff(ctx)
	if err != nil {
		return nil, fmt.Errorf("list staff: %w", err)
	}
	views := make([]StaffView, 0, len(rows))
	for _, row := range rows {
		views = append(views, s.viewStaff(row))
	}
	return views, nil
}

// StaffMember returns one person who may sign in. Its error is a [*NotFoundError] when there is none of that login.
func (s *Service) StaffMember(ctx context.Context, login string) (StaffView, error) {
	row, err := readStaff(ctx, login, db.New(s.Pool).StaffByLogin)
	if err != nil {
		return StaffView{}, err
	}
	return s.viewStaff(row), nil
}

func readStaff(ctx context.Context, login string, read func(context.Context, string) (db.Staff, error)) (db.Staff, error) {
	row, err := read(ctx, foldLogin(login))
	if errors.Is(err, pgx.ErrNoRows) {
		return row, missing("staff %q", login)
	}
	if err != nil {
		return row, fmt.Errorf("read staff %q: %w", login, err)
	}
	return row, nil
}

// AddStaff adds a person. Its errors are [*FieldError] where the input is wrong, and [*ConflictError] when the login is
// taken.
func (s *Service) AddStaff(ctx context.Context, by By, n NewStaff) (MadeStaff, error) {
	if err := n.check(); err != nil {
		return MadeStaff{}, err
	}
	var made MadeStaff
	if n.Password == "" {
		n.Password = makePassword()
		made.Password = n.Password
	}
	hash, err := hashPassword(ctx, n.Password)
	if err != nil {
		return MadeStaff{}, err
	}
	now := s.Clock.Now()
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.AddStaff(ctx, db.AddStaffParams{Login: n.Login, Name: n.Name, Role: n.Role, PasswordHash: hash, CreatedAt: now})
		if err != nil {
			return fmt.Errorf("store staff %q: %w", n.Login, taken(err, map[string]error{
				"staff_login_key": conflict("login", "there is somebody with the login %q already", n.Login),
			}))
		}
		made.StaffView = s.viewStaff(row)
		return note(ctx, q, by, now, "staff-add", actor(n.Login), fmt.Sprintf("%s added as %s", n.Login, n.Role), nil, staffFacts(row))
	})
	if err != nil {
		return MadeStaff{}, err
	}
	return made, nil
}

func (n *NewStaff) check() error {
	n.Login, n.Name = foldLogin(n.Login), strings.TrimSpace(n.Name)
	if err := checkLogin(n.Login); err != nil {
		return err
	}
	if n.Name == "" {
		n.Name = n.Login
	}
	if err := checkLine("name", n.Name, 1, 100); err != nil {
		return err
	}
	if _, err := checkRole(n.Role); err != nil {
		return err
	}
	if n.Password == "" {
		return nil
	}
	return checkNewPassword("password", n.Password, n.Login)
}

// staffFacts are a person as the audit log shows what was different.
func staffFacts(row db.Staff) map[string]string {
	return map[string]string{"name": row.Name, "role": row.Role}
}
