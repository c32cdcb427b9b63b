// The rights services as the desk shows them, and enrolling there: what is proposed first, and counts once a person has seen it.

package comptoir

import (
	"context"
	"time"

	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/liaison"
	"sceau/offline/mirror"
	"sceau/signing/trust"
)

// standing tells how every service stands. It asks nobody.
func (s *services) standing(ctx context.Context) (desk.Standing, error) {
	all := s.current(ctx)
	s.mu.Lock()
	off, failed := s.off, s.failed
	s.mu.Unlock()
	out := desk.Standing{Mode: "rescue"}
	switch {
	case failed != nil && len(all) == 0:
		return desk.Standing{}, failed
	case len(all) == 0:
		out.Code = counter.RescueNone
		return out, nil
	}
	for _, v := range all {
		one := s.stateOf(ctx, v)
		out.Services = append(out.Services, one)
		switch {
		case one.Code == "" && (out.Mode != counter.ModeOnline || one.Since.Before(out.Since)):
			out.Mode, out.Code, out.Since = counter.ModeOnline, "", one.Since
		case out.Mode != counter.ModeOnline && out.Code == "":
			out.Code, out.Since = one.Code, one.Since
		}
	}
	if !off.IsZero() {
		out.Mode, out.Code, out.Since = "rescue", counter.RescueOff, off
	}
	return out, nil
}

func (s *services) stateOf(ctx context.Context, v *service) desk.Service {
	one := desk.Service{Address: v.Address, Root: v.Root, Counter: v.Counter, FINESS: v.Facts.FINESS, Profession: v.Facts.Profession, Name: v.Facts.Name,
		Networks: v.Facts.Networks, Enrolled: v.Since}
	if published, err := s.published(ctx, v.Root); err == nil {
		one.Operator = published.Name
	} else if v.err == nil {
		one.Code = counter.RescueNoKeys // whatever answers, nothing of it could be believed
	}
	if all, err := s.memory.opened().Stretches(ctx, v.Root); err == nil {
		for _, stretch := range all {
			one.Waiting += stretch.Waiting()
		}
	}
	if v.err != nil {
		if one.Code = liaison.CodeOf(v.err); one.Code == "" {
			one.Code = troubleOf(v.err).code
		}
		return one
	}
	st := v.client.State()
	one.Since = st.Since
	if st.Breaker != "closed" {
		if one.Next = st.Next; st.Code != "" {
			one.Code = st.Code
		} else if one.Code == "" {
			one.Code = liaison.CodeOpen
		}
	}
	sending, _ := v.sender.State()
	one.Sending, one.SendCode = sending.Running, sending.Code
	for _, a := range sending.Alarms {
		one.Alarms = append(one.Alarms, desk.Alarm{Code: a.Code, Device: a.Device, From: a.From, To: a.To})
	}
	return one
}

// probe asks services that did not answer again, now.
func (s *services) probe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.open {
		if v.client != nil {
			v.client.Kick()
			v.sender.Kick()
		}
	}
}

// disputes implements desk.Options.Disputes.
func (s *services) disputes(ctx context.Context, after time.Time) (desk.Disputes, error) {
	d, err := s.memory.opened().Disputes(ctx, after)
	return desk.Disputes(d), err
}

// Propose implements desk.Enroller.
func (s *services) Propose(ctx context.Context, i desk.Invitation) (desk.Proposal, error) {
	facts, err := s.begin(ctx, invited{i.Address, i.Root, i.Code}, "")
	if err != nil {
		return desk.Proposal{}, err
	}
	p := desk.Proposal{Address: i.Address, Lists: facts.Published(), Root: facts.Root, Counter: facts.Counter, FINESS: facts.FINESS, Profession: facts.Profession,
		Name: facts.Name, Networks: facts.Networks}
	repos, err := s.lists.repositories(ctx)
	if err != nil {
		return p, nil // no list was ever followed here: the fingerprint is to be compared
	}
	for _, r := range repos {
		p.Known = p.Known || trust.SameFingerprint(r.Fingerprint, facts.Root)
	}
	return p, nil
}

// Accept implements desk.Enroller.
func (s *services) Accept(ctx context.Context, p desk.Proposal) (desk.Accepted, error) {
	facts := liaison.Facts{Counter: p.Counter, FINESS: p.FINESS, Profession: p.Profession, Networks: p.Networks, Name: p.Name, Root: p.Root}
	if err := s.finish(ctx, p.Address, "", facts); err != nil {
		return desk.Accepted{}, err
	}
	kept, err := s.sources.ready()
	if kept != "" {
		s.log.Warn("damaged lists set aside")
	}
	if err == nil {
		_, err = s.follow(ctx, p.Lists, p.Root)
	}
	s.sources.keeper.Kick()
	s.changed()
	return desk.Accepted{Lists: inSync(err)}, nil
}

// Remove implements desk.Enroller.
func (s *services) Remove(ctx context.Context, root string) error {
	err := s.memory.opened().RemoveEnrolment(ctx, root)
	s.refresh()
	return err
}

var _ desk.Enroller = (*services)(nil)

// finish makes what begin began an enrolment.
func (s *services) finish(ctx context.Context, address, ca string, facts liaison.Facts) error {
	err := s.memory.opened().FinishEnrolment(ctx, address, mirror.Enrolment{Root: facts.Root, Address: address, Counter: facts.Counter,
		Facts: mirror.EnrolmentFacts{FINESS: facts.FINESS, Profession: facts.Profession, Networks: facts.Networks, Name: facts.Name, CA: ca}})
	if err == nil {
		s.refresh()
	}
	return err
}
