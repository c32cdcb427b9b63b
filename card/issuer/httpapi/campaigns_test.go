package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
)

// campaignOffice is an office with contracts of both insurers, whose campaigns have a place.
func campaignOffice(t *testing.T, options ...func(*Options)) (o *office, a, b, operator string) {
	t.Helper()
	o = newOffice(t, append([]func(*Options){func(o *Options) { o.Campaigns.Destination = "/srv/secret-place" }}, options...)...)
	a, b, operator = o.key(amc, everyInsurerRole...), o.key(amc2, everyInsurerRole...), o.key("", issuer.RoleOperator)
	for i := range 5 {
		o.addressed(a, fmt.Sprintf("CAXQ%05d", i))
	}
	o.addressed(b, "CBXQ00001")
	return o, a, b, operator
}

// addressed is contract with an address: a letter in an envelope with a window needs one.
func (o *office) addressed(token, adherent string) {
	o.t.Helper()
	street := "7 RUE DU ZORGLUBISME"
	secret("address", street)
	o.want(201, token, "POST", "/v1/contracts", fmt.Sprintf(`{"adresse":{"lignes":[%q],"code_postal":"35000","ville":"RENNES"},%s`, street, household(adherent)[1:]))
}

func part(t *testing.T, c map[string]any, key string) any {
	t.Helper()
	if inner, ok := c["campaign"].(map[string]any); ok {
		c = inner
	}
	v, ok := c[key]
	if !ok {
		t.Errorf("no %s in %v", key, c)
	}
	return v
}

// A campaign is asked for once, however often the request comes; its life is the terminal's.
func TestCampaign(t *testing.T) {
	t.Parallel()
	var told []string
	o, a, b, operator := campaignOffice(t, func(o *Options) {
		o.Campaigns.Started = func(_ context.Context, id string) error { told = append(told, "started "+id); return nil }
		o.Campaigns.Stopped = func(_ context.Context, id string, running bool) error {
			told = append(told, fmt.Sprint("stopped ", id, running))
			return nil
		}
	})
	order := `{"name":"January","window":"dl","outputs":["pdf","csv"],"cards_per_file":2000}`
	dry := o.want(200, a, "POST", "/v1/campaigns?dry_run=true", order)
	if dry["campaign"] != nil || dry["estimate"].(map[string]any)["cards"] != 5.0 {
		t.Errorf("%v", dry)
	}
	if all := o.want(200, a, "GET", "/v1/campaigns", "")["campaigns"].([]any); len(all) != 0 {
		t.Errorf("a dry run made %v", all)
	}
	answer := o.ask(a, "POST", "/v1/campaigns", order, "Idempotency-Key", "one-of-eight")
	if answer.Code != 201 || strings.Contains(answer.Body.String(), "secret-place") {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	var made map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	id := part(t, made, "id").(string)
	if part(t, made, "state") != "planned" || part(t, made, "cards") != 5.0 || part(t, made, "insurer") != amc || answer.Header().Get("Location") != "/v1/campaigns/"+id {
		t.Errorf("%v", made)
	}
	// The same request again, by the same key and by another.
	if again := o.ask(a, "POST", "/v1/campaigns", order, "Idempotency-Key", "one-of-eight"); again.Code != 201 || again.Body.String() != answer.Body.String() {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	if again := o.want(200, a, "POST", "/v1/campaigns", order); part(t, again, "id") != id || part(t, again, "existing") != true {
		t.Errorf("%v", again)
	}
	if c := o.want(409, a, "POST", "/v1/campaigns", `{"name":"January"}`); c["code"] != "campaign_exists" || c["detail"] != id {
		t.Errorf("%v", c)
	}
	if c := o.want(422, a, "POST", "/v1/campaigns", `{"name":"January 2"}`, "Idempotency-Key", "one-of-eight"); c["code"] != "idempotency_reuse" {
		t.Errorf("%v", c)
	}
	// Its life; each step twice is once.
	for _, step := range []struct {
		verb, state string
		status      int
	}{{"pause", "", 409}, {"resume", "", 409}, {"start", "started", 200}, {"start", "started", 200}, {"pause", "paused", 200}, {"pause", "paused", 200},
		{"resume", "started", 200}, {"cancel", "cancelled", 200}, {"cancel", "cancelled", 200}, {"start", "", 409}} {
		c := o.want(step.status, a, "POST", "/v1/campaigns/"+id+"/"+step.verb, "")
		if step.status == 200 && c["state"] != step.state || step.status == 409 && c["code"] != "campaign_state" {
			t.Errorf("%s: %v", step.verb, c)
		}
		for _, token := range []string{b} {
			if c := o.want(404, token, "POST", "/v1/campaigns/"+id+"/"+step.verb, ""); c["code"] != "unknown_campaign" {
				t.Errorf("%v", c)
			}
		}
	}
	if got := strings.Join(told, ", "); strings.Count(got, "started") != 3 || strings.Count(got, "false") != 2 || strings.Count(got, "true") != 2 {
		t.Errorf("told: %s", got)
	}
	if c := o.want(200, operator, "GET", "/v1/campaigns/"+id+"/report", ""); c["state"] != "cancelled" || len(c["files"].([]any)) != 0 {
		t.Errorf("%v", c)
	}
	if acts := o.audits("campaign.start"); len(acts) != 1 {
		t.Errorf("%v", acts)
	}
	o.chain()
}

// The operator's campaign is everybody's to see, each their part, and nobody's to change.
func TestCampaignOfOperator(t *testing.T) {
	t.Parallel()
	o, a, b, operator := campaignOffice(t)
	made := o.want(201, operator, "POST", "/v1/campaigns", `{"name":"All"}`)
	id := part(t, made, "id").(string)
	if part(t, made, "cards") != 6.0 || len(part(t, made, "parts").([]any)) != 2 {
		t.Errorf("%v", made)
	}
	for token, cards := range map[string]float64{a: 5, b: 1} {
		for _, path := range []string{"", "/report"} {
			if c := o.want(200, token, "GET", "/v1/campaigns/"+id+path, ""); c["cards"] != cards || len(c["parts"].([]any)) != 1 {
				t.Errorf("%v", c)
			}
		}
		for _, verb := range []string{"start", "pause", "resume", "cancel"} {
			if c := o.want(403, token, "POST", "/v1/campaigns/"+id+"/"+verb, ""); c["code"] != "operators" {
				t.Errorf("%s: %v", verb, c)
			}
		}
	}
	if c := o.want(200, operator, "POST", "/v1/campaigns/"+id+"/start", ""); c["state"] != "started" {
		t.Errorf("%v", c)
	}
	// What is done already for the operator is not done for an insurer who asks for it.
	o.want(403, a, "POST", "/v1/campaigns/"+id+"/start", "")
}

// What a client may not ask for: a place on the server, another's contracts or people, sizes that can't be.
func TestCampaignRefused(t *testing.T) {
	t.Parallel()
	o, a, b, operator := campaignOffice(t)
	other := o.contract(b, "CBXQ00002")
	for body, want := range map[string]string{
		`{"name":"x","destination":"/etc"}`: "422 field", `{"name":"x","Destination":"s3://a/b"}`: "400 body", `{"name":""}`: "422 field", `{}`: "422 field",
		`{"name":"x","contracts":["` + other + `"]}`: "404 unknown_contract", `{"name":"x","insurers":["` + amc2 + `"]}`: "404 unknown_insurer",
		`{"name":"x","cards_per_file":4999}`: "422 field", `{"name":"x","cards_per_file":5001}`: "422 field", `{"name":"x","first":"2027-13-01"}`: "422 field",
		`{"name":"x","first":"2027-02-01","last":"2027-01-01"}`: "422 campaign", `{"name":"x","changed_since":"yesterday"}`: "422 field", `{"name":"x","outputs":["exe"]}`: "422 field",
		`{"name":"x","layout":"poster"}`: "422 field", `{"name":"a\u0000b"}`: "400 body", `{"name":"a\tb"}`: "422 campaign", `{"name":"x","sign_rate":1}`: "422 field", `{"name":"x","window":"c4"}`: "422 field",
	} {
		answer := o.ask(a, "POST", "/v1/campaigns", body)
		var p Problem
		if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || fmt.Sprint(answer.Code, " ", p.Code) != want {
			t.Errorf("%s: %d %s, want %s", body, answer.Code, answer.Body, want)
		}
	}
	mine := o.contract(a, "CAXQ00099")
	if c := o.ask(operator, "POST", "/v1/campaigns", `{"name":"x","contracts":["`+mine+`"]}`); c.Code != 422 {
		t.Errorf("%d %s", c.Code, c.Body)
	}
	if c := o.want(201, a, "POST", "/v1/campaigns", `{"name":"one","contracts":["`+mine+`"]}`); part(t, c, "cards") != 1.0 {
		t.Errorf("%v", c)
	}
	for _, id := range []string{"270105-zzzz", "x", "270105-AAAA"} {
		if c := o.ask(a, "GET", "/v1/campaigns/"+id, ""); c.Code != 404 && c.Code != 422 {
			t.Errorf("%s: %d", id, c.Code)
		}
	}
	o.problem(o.ask(a, "POST", "/v1/campaigns", `{"name":"y"}`, "Idempotency-Key", ""), 400, "idempotency_key")
	o.problem(o.ask(a, "POST", "/v1/campaigns", `{"nom":"y"}`, "Idempotency-Key", ""), 400, "idempotency_key")
	// No place is set: nothing is planned, an estimate is given.
	o.open()
	if e := o.want(200, a, "POST", "/v1/campaigns?dry_run=true", `{"name":"nowhere","existing":true}`)["estimate"].(map[string]any); !strings.Contains(fmt.Sprint(e["refusals"]), "code:no_destination") {
		t.Errorf("%v", e)
	}
	if c := o.want(409, a, "POST", "/v1/campaigns", `{"name":"nowhere"}`); c["code"] != "no_destination" {
		t.Errorf("%v", c)
	}
	o.want(200, a, "POST", "/v1/campaigns?dry_run=true", `{"name":"nowhere"}`)
}

// Planning outlives its request; one that was cut short goes on by the same request again, and a server that stops waits for none.
func TestCampaignPlanning(t *testing.T) {
	t.Parallel()
	hold, entered := make(chan struct{}), make(chan struct{}, 8)
	o, a, _, _ := campaignOffice(t, func(o *Options) {
		o.Campaigns.answer = 20 * time.Millisecond
		o.Campaigns.Freeze = func(string) ([]byte, error) { entered <- struct{}{}; <-hold; return nil, nil }
	})
	// Nothing is stored yet: there is no id to give.
	if c := o.ask(a, "POST", "/v1/campaigns", `{"name":"slow"}`); c.Code != 503 {
		t.Errorf("%d %s", c.Code, c.Body)
	}
	<-entered
	if c := o.ask(a, "POST", "/v1/campaigns", `{"name":"slow 2"}`); c.Code != 503 {
		t.Errorf("%d %s", c.Code, c.Body)
	}
	<-entered
	if c := o.want(503, a, "POST", "/v1/campaigns", `{"name":"slow 3"}`); c["code"] != "plans_full" {
		t.Errorf("%v", c)
	}
	close(hold)
	o.server.StopImports() // ends plannings under way
	if c := o.want(503, a, "POST", "/v1/campaigns", `{"name":"late"}`); c["code"] != "plans_full" {
		t.Errorf("%v", c)
	}
	// Cut short after it was stored.
	ctx, cancel := context.WithCancel(context.Background())
	spec, err := CampaignOrder{Name: "cut", Layout: "letter", Order: "postal", Per: "household"}.spec()
	if err != nil {
		t.Fatal(err)
	}
	spec.Destination = "files"
	if c, err := o.issuer.CreateCampaign(ctx, staffOfA, spec, nil, func(int64) { cancel() }); err == nil {
		t.Fatalf("it was planned: %v", c)
	}
	o.open(func(o *Options) { o.Campaigns.Destination = "files" })
	var id string
	for _, c := range o.want(200, a, "GET", "/v1/campaigns", "")["campaigns"].([]any) {
		if c := c.(map[string]any); c["name"] == "cut" && c["state"] == "planning" {
			id = c["id"].(string)
		}
	}
	if c := o.want(409, a, "POST", "/v1/campaigns/"+id+"/start", ""); c["code"] != "unplanned" {
		t.Errorf("%v", c)
	}
	if c := o.want(201, a, "POST", "/v1/campaigns", `{"name":"cut"}`); part(t, c, "id") != id || part(t, c, "state") != "planned" {
		t.Errorf("%v, want %s planned", c, id)
	}
}

// Two campaigns of the same insurer and days: the refusal names the other one and the member that answers it, to whoever may know it.
func TestCampaignBeside(t *testing.T) {
	t.Parallel()
	o, a, b, operator := campaignOffice(t)
	ofA := part(t, o.want(201, a, "POST", "/v1/campaigns", `{"name":"A","first":"2027-01-01","last":"2027-12-31"}`), "id").(string)
	ofB := part(t, o.want(201, b, "POST", "/v1/campaigns", `{"name":"B"}`), "id").(string) // A's is not in its way
	for body, want := range map[string]string{
		`{"name":"x"}`: "409 campaign_beside " + ofA, `{"name":"x","last":"2027-01-01"}`: "409 campaign_beside " + ofA, `{"name":"x","beside":[]}`: "409 campaign_beside " + ofA,
		`{"name":"x","beside":["` + ofB + `"]}`: "404 unknown_campaign beside", `{"name":"x","beside":["` + ofA + `","` + ofB + `"]}`: "404 unknown_campaign beside",
		`{"name":"x","beside":["270105-zzzz"]}`: "404 unknown_campaign beside", `{"name":"x","existing":true,"beside":["` + ofB + `"]}`: "404 unknown_campaign beside",
		`{"name":"x","beside":"` + ofA + `"}`: "422 field beside", `{"name":"x","beside":["` + ofA + `/775670482"]}`: "422 field beside", `{"name":"x","beside":[""]}`: "422 field beside",
		`{"name":"x","beside":[1]}`: "422 field beside", `{"name":"x","beside":null}`: "400 body ", `{"name":"x","Beside":["` + ofA + `"]}`: "400 body ",
		`{"name":"x","beside":["` + strings.Repeat(ofA+`","`, 100) + ofA + `"]}`: "422 field beside",
	} {
		for _, dry := range []string{"", "?dry_run=true"} {
			answer := o.ask(a, "POST", "/v1/campaigns"+dry, body)
			if dry != "" && strings.HasPrefix(want, "409") { // what an order is refused for, a dry run says
				want = "200  "
			}
			var p Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || fmt.Sprint(answer.Code, " ", p.Code, " ", p.Detail) != want {
				t.Errorf("%.200s%s: %d %s, want %s", body, dry, answer.Code, answer.Body, want)
			}
			if strings.Contains(answer.Body.String(), ofB) || p.Code == "campaign_beside" && !strings.Contains(p.Title, "name it in beside") {
				t.Errorf("%s: %s", body, answer.Body)
			}
		}
	}
	refusals := func(token, body string) string {
		var all []string
		for _, r := range o.want(200, token, "POST", "/v1/campaigns?dry_run=true", body)["estimate"].(map[string]any)["refusals"].([]any) {
			r := r.(map[string]any)
			all = append(all, fmt.Sprint(r["code"], " ", r["detail"]))
			if r["title"] == "" {
				t.Errorf("%v", r)
			}
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	both := []string{"campaign_beside " + ofA, "campaign_beside " + ofB}
	slices.Sort(both)
	for _, c := range []struct{ token, body, want string }{
		{a, `{"name":"x"}`, "campaign_beside " + ofA}, {b, `{"name":"x"}`, "campaign_beside " + ofB}, {operator, `{"name":"x"}`, strings.Join(both, ", ")},
		{a, `{"name":"A"}`, "campaign_beside " + ofA + ", campaign_exists " + ofA}, {a, `{"name":"A","first":"2027-01-01","last":"2027-12-31"}`, ""},
		{a, `{"name":"x","beside":["` + ofA + `"]}`, ""}, {a, `{"name":"x","first":"2028-01-01"}`, "campaign issuer: there is no card to make: 5 contracts were looked at, 5 other-period"},
	} {
		if got := refusals(c.token, c.body); got != c.want {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
	}
	if all := o.want(200, operator, "GET", "/v1/campaigns", "")["campaigns"].([]any); len(all) != 2 {
		t.Errorf("refusals and dry runs made %v", all)
	}
	made := o.want(201, a, "POST", "/v1/campaigns", `{"name":"x","beside":["`+ofA+`"]}`)
	if got := fmt.Sprint(part(t, made, "asked").(map[string]any)["beside"]); got != "["+ofA+"]" || part(t, made, "cards") != 5.0 {
		t.Errorf("%v", made)
	}
	// The operator's stands beside those of both: each sees its own there.
	x := part(t, made, "id").(string)
	all := part(t, o.want(201, operator, "POST", "/v1/campaigns", `{"name":"all","beside":["`+ofA+`","`+ofB+`","`+x+`"]}`), "id").(string)
	for token, want := range map[string]string{a: "[" + ofA + " " + x + "]", b: "[" + ofB + "]"} {
		if c := o.want(200, token, "GET", "/v1/campaigns/"+all, ""); fmt.Sprint(c["asked"].(map[string]any)["beside"]) != want {
			t.Errorf("%v, want %s", c, want)
		}
	}
}

// An order that comes to nothing says so, and why: at once, or where the answer that came before it was known sends the client.
func TestCampaignOfNothing(t *testing.T) {
	t.Parallel()
	o, a, b, operator := campaignOffice(t)
	order := `{"name":"none","first":"2028-01-01","window":"dl"}`
	if c := o.want(422, a, "POST", "/v1/campaigns", order); c["code"] != "campaign" || !strings.Contains(fmt.Sprint(c["detail"]), "no card to make: 5 contracts were looked at, 5 other-period") {
		t.Errorf("%v", c)
	}
	// Another server plans it, and takes its time.
	spec, err := CampaignOrder{Name: "none", First: "2028-01-01", Window: "dl", Layout: "letter", Order: "postal", Per: "household"}.spec()
	if err != nil {
		t.Fatal(err)
	}
	spec.Destination = "/srv/secret-place"
	begun := must(o.issuer.BeginCampaign(t.Context(), staffOfA, spec, nil))(t)
	hold, entered, done := make(chan struct{}), make(chan struct{}, 8), make(chan error)
	go func() {
		_, err := o.issuer.PlanCampaign(context.Background(), staffOfA, begun.ID, spec, func(int64) { entered <- struct{}{}; <-hold })
		done <- err
	}()
	<-entered
	answer := o.ask(a, "POST", "/v1/campaigns", order, "Idempotency-Key", "none-of-eight")
	where := answer.Header().Get("Location")
	if answer.Code != 202 || where != "/v1/campaigns/"+begun.ID {
		t.Fatalf("%d %s %s", answer.Code, where, answer.Body)
	}
	close(hold)
	if err := <-done; !errors.As(err, new(*issuer.NothingToMake)) {
		t.Fatalf("%v", err)
	}
	for _, token := range []string{a, operator} {
		for _, path := range []string{where, where + "/report"} {
			c := o.want(200, token, "GET", path, "")
			p := c["parts"].([]any)[0].(map[string]any)
			if c["state"] != "empty" || c["cards"] != 0.0 || c["ended"] == nil || p["contracts"] != 5.0 || fmt.Sprint(p["left_out"]) != "map[other-period:5]" {
				t.Errorf("%v", c)
			}
		}
		for _, verb := range []string{"start", "pause", "resume", "cancel"} {
			if c := o.want(409, token, "POST", where+"/"+verb, ""); c["code"] != "campaign_state" {
				t.Errorf("%s: %v", verb, c)
			}
		}
		if all := o.want(200, token, "GET", "/v1/campaigns", "")["campaigns"].([]any); len(all) != 0 {
			t.Errorf("%v", all)
		}
	}
	if c := o.want(404, b, "GET", where, ""); c["code"] != "unknown_campaign" {
		t.Errorf("%v", c)
	}
	// The same request has its answer, and a later one is a new order.
	if again := o.ask(a, "POST", "/v1/campaigns", order, "Idempotency-Key", "none-of-eight"); again.Code != 202 || again.Header().Get("Location") != where {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	if c := o.want(201, a, "POST", "/v1/campaigns", `{"name":"none"}`); part(t, c, "id") == begun.ID || part(t, c, "cards") != 5.0 {
		t.Errorf("%v", c)
	}
}
