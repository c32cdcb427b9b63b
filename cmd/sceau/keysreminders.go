// keys reminders: what expires soon, on the screen, in a calendar, and in the words of other commands.

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
)

// reminderDays is how early an expiry is spoken of when nobody says otherwise.
const reminderDays = 90

// cardKeyYear is how long a card key signs before it should be replaced.
const cardKeyYear = 365 * 24 * time.Hour

// reminder is something to do about a key before a day.
type reminder struct {
	at   time.Time
	uid  string // of the calendar entry
	what string
	do   string // the command
}

func newKeysReminders(p *place) *cobra.Command {
	var days int
	var ics string
	c := &cobra.Command{
		Use:   "reminders DIR",
		Short: "List what expires soon, also as a calendar",
		Long: `Lists the keys and signed roles that expire in the next days, and what to do before. It needs no passphrase. Roles that every
publication renews (status, snapshot, timestamp) are spoken of only when they were not.

    $ sceau keys reminders ./operator --days 400
    2027-11-21  in 365 days   what the targets key signed expires
                sceau publish ./operator --to … with the offline keys at hand renews it

With --ics, every expiry, however far, becomes an entry of a calendar with an alarm --days before it; - for standard output.
Exit code 3 when something is due within --days, 0 when nothing is.`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if days < 1 || days > 4000 {
				return ui.Usage("--days %d is not 1 to 4000", days)
			}
			ctx, stop := interruptible(c)
			defer stop()
			op, err := p.openPublic(ctx, args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			all, err := op.reminders(ctx)
			if err != nil {
				return err
			}
			now := op.Now()
			if ics != "" {
				write := func(w io.Writer) error { return calendar(w, all, now, days) }
				if ics == "-" {
					return write(c.OutOrStdout())
				}
				if err := replaceFile(ics, true, write); err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "%d entries written to %s\n", len(all), ics)
			}
			due := dueWithin(all, now, days)
			for _, r := range due {
				fmt.Fprintf(c.OutOrStdout(), "%s  %-12s  %s\n            %s\n", day(r.at), inDays(r.at, now), r.what, r.do)
			}
			if len(due) == 0 {
				fmt.Fprintf(c.OutOrStdout(), "nothing expires in the next %d days\n", days)
				return nil
			}
			return ui.Exit(exitPartial)
		},
	}
	c.Flags().IntVar(&days, "days", reminderDays, "how many days ahead")
	c.Flags().StringVar(&ics, "ics", "", "also write a calendar (iCalendar) into this file")
	return c
}

func inDays(at, now time.Time) string {
	switch n := int(at.Sub(now).Hours() / 24); {
	case at.Before(now):
		return "EXPIRED"
	case n == 0:
		return "today"
	case n == 1:
		return "in 1 day"
	default:
		return fmt.Sprintf("in %d days", n)
	}
}

func dueWithin(all []reminder, now time.Time, days int) []reminder {
	var due []reminder
	for _, r := range all {
		if r.at.Before(now.AddDate(0, 0, days)) {
			due = append(due, r)
		}
	}
	return due
}

// remind tells what is due to whoever does other work. That it can't be known is no reason for that work to fail.
func (o *operator) remind(ctx context.Context, say func(r reminder, when string)) {
	all, err := o.reminders(ctx)
	if err != nil {
		return
	}
	for _, r := range dueWithin(all, o.Now(), reminderDays) {
		say(r, inDays(r.at, o.Now()))
	}
}

// reminders are all expiries, the next one first.
func (o *operator) reminders(ctx context.Context) ([]reminder, error) {
	inv, err := o.Inventory(ctx, issuer.InventoryOptions{})
	if err != nil {
		return nil, err
	}
	return remindersOf(inv, o.dir), nil
}

func remindersOf(inv *issuer.Inventory, dir string) []reminder {
	seen := map[string]bool{}
	var all []reminder
	add := func(k issuer.KeyFact, at time.Time, what, do string) {
		if k.Insurer != "" {
			what = "insurer " + k.Insurer + ": " + what
		}
		uid := k.Purpose + "-" + k.Insurer + "-" + at.UTC().Format("20060102")
		if seen[uid] { // several root keys have one expiry
			return
		}
		seen[uid] = true
		all = append(all, reminder{at, uid, what, do})
	}
	next := map[string]bool{} // a successor is published already
	for _, k := range inv.Keys {
		if k.State == "next" {
			next[k.Purpose+k.Insurer] = true
		}
	}
	for _, k := range inv.Keys {
		switch k.Purpose {
		case issuer.PurposeRoot:
			if k.State == stateInForce {
				add(k, k.Expires, "the root expires: then nothing can be published any more", fmt.Sprintf("sceau keys rotate %s root, with the media of its holders", shellWord(dir)))
			}
		case issuer.PurposeTargets, issuer.PurposeInsurer:
			if k.State == stateInForce {
				add(k, k.Expires, "what the "+k.Purpose+" key signed expires", fmt.Sprintf("sceau publish %s --to … with the offline keys at hand renews it", shellWord(dir)))
			}
		case issuer.PurposeStatus, issuer.PurposeSnapshot, issuer.PurposeTimestamp:
			if k.State == stateInForce && !k.Expires.IsZero() && k.Expires.Before(inv.At) {
				add(k, k.Expires, "what the "+k.Purpose+" key signed expired", fmt.Sprintf("sceau publish %s --to …", shellWord(dir)))
			}
		case issuer.PurposeCard, issuer.PurposeList, issuer.PurposeAccord, issuer.PurposeSettlement, issuer.PurposeManifest:
			if k.State != "active" || next[k.Purpose+k.Insurer] {
				continue
			}
			do := fmt.Sprintf("sceau keys rotate %s %s", shellWord(dir), k.Purpose)
			if k.Insurer != "" {
				do += " --insurer " + k.Insurer
			}
			switch {
			case !k.Until.IsZero() && k.Until.After(inv.At):
				add(k, k.Until, "the "+k.Purpose+" key ends", do)
			case k.Until.IsZero() && !k.From.IsZero() && k.Purpose == issuer.PurposeCard:
				add(k, k.From.Add(cardKeyYear), "the "+k.Purpose+" key is a year old", do)
			}
		}
	}
	slices.SortFunc(all, func(a, b reminder) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.uid, b.uid)) })
	return all
}

// calendar writes the reminders as iCalendar (RFC 5545): days, not moments, each with an alarm.
func calendar(w io.Writer, all []reminder, now time.Time, days int) error {
	lines := []string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//sceau//keys//EN", "CALSCALE:GREGORIAN"}
	for _, r := range all {
		lines = append(lines, "BEGIN:VEVENT", "UID:"+r.uid+"@sceau", "DTSTAMP:"+now.UTC().Format("20060102T150405Z"),
			"DTSTART;VALUE=DATE:"+r.at.UTC().Format("20060102"), "SUMMARY:"+escapeICS("Sceau: "+r.what), "DESCRIPTION:"+escapeICS(r.do), "TRANSP:TRANSPARENT",
			"BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:"+escapeICS("Sceau: "+r.what), fmt.Sprintf("TRIGGER:-P%dD", days), "END:VALARM", "END:VEVENT")
	}
	lines = append(lines, "END:VCALENDAR")
	for _, l := range lines {
		if _, err := io.WriteString(w, fold(l)+"\r\n"); err != nil {
			return err
		}
	}
	return nil
}

var escapeICS = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace

// fold breaks a line after at most 75 bytes, between characters.
func fold(line string) string {
	var b strings.Builder
	n := 0
	for _, r := range line {
		size := len(string(r))
		if n+size > 75 {
			b.WriteString("\r\n ")
			n = 1
		}
		b.WriteRune(r)
		n += size
	}
	return b.String()
}
