package main

import (
	"context"
	"strings"

	"qserve/console"
)

type staffCommands struct {
	Add    staffAdd    `cmd:"" help:"Add a person and print a password once. It has to be changed at the first sign-in."`
	List   staffList   `cmd:"" help:"List the people who may sign in."`
	Change staffChange `cmd:"" help:"Change what a person may do, or help somebody who cannot sign in."`
	Remove staffRemove `cmd:"" help:"End a person's sign-ins and sessions at once."`
}

type staffAdd struct {
	Login        string `arg:"" help:"What the person types: a short name or an e-mail address."`
	Role         string `required:"" help:"What the person may do: owner, manager, support, viewer or ops."`
	Name         string `help:"Name of the person. Default: the login."`
	PasswordFile string `name:"password-file" type:"existingfile" help:"File with the first password; one is made when not given."`
}

func (c *staffAdd) Run(ctx context.Context, sh *shell) error {
	password, err := readFile("password_file", c.PasswordFile)
	if err != nil {
		return err
	}
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.AddStaff(ctx, s.by, console.NewStaff{Login: c.Login, Name: c.Name, Role: c.Role, Password: password})
		if err != nil {
			return err
		}
		return sh.print(v, "Added %s as %s.%s", v.Login, v.Role, passwordOnce(v))
	})
}

// passwordOnce tells a password that was made.
func passwordOnce(v console.MadeStaff) string {
	if v.Password == "" {
		return ""
	}
	return " Password (shown this once, to be changed at the next sign-in): " + v.Password
}

type staffList struct{}

func (*staffList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		people, err := s.Staff(ctx)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range people {
			rows = append(rows, []string{v.Login, v.Name, v.Role, yes(v.SecondFactor), s.day(v.LastSignInAt), s.day(v.LockedUntil)})
		}
		return sh.list(people, "LOGIN\tNAME\tROLE\tSECOND FACTOR\tLAST SIGN-IN\tLOCKED UNTIL", rows)
	})
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

type staffChange struct {
	Login            string  `arg:"" help:"Login of the person."`
	Name             *string `help:"New name."`
	Role             *string `help:"New role: owner, manager, support, viewer or ops. Ends the person's sessions."`
	ResetPassword    bool    `name:"reset-password" help:"Make a password and print it once. Ends the person's sessions and a lock."`
	Unlock           bool    `help:"End a lock after too many wrong sign-ins."`
	DropSecondFactor bool    `name:"drop-second-factor" help:"Ask for no code any more: for somebody whose telephone is gone."`
	SignOut          bool    `name:"sign-out" help:"End the person's sessions."`
}

func (c *staffChange) Run(ctx context.Context, sh *shell) error {
	change := console.StaffChange{
		Name: c.Name, Role: c.Role, ResetPassword: c.ResetPassword, Unlock: c.Unlock, DropSecondFactor: c.DropSecondFactor, SignOut: c.SignOut,
	}
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.ChangeStaff(ctx, s.by, c.Login, change)
		if err != nil {
			return err
		}
		factor := "without a second factor"
		if v.SecondFactor {
			factor = "with a second factor"
		}
		return sh.print(v, "%s: %s, %s, %s.%s", v.Login, v.Name, v.Role, factor, passwordOnce(v))
	})
}

type staffRemove struct {
	Login string `arg:"" help:"Login of the person."`
}

func (c *staffRemove) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		if err := s.RemoveStaff(ctx, s.by, c.Login); err != nil {
			return err
		}
		login := strings.ToLower(c.Login)
		return sh.print(map[string]string{"login": login}, "%s may not sign in any more.", login)
	})
}
