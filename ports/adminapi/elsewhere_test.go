package adminapi_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestWhatIsElsewhereIsSaidToBeThere(t *testing.T) {
	t.Parallel()
	payments := &ward{here: []string{"cashier"}}
	all := &ward{here: []string{"checkout", "cashier", "kitchen"}}
	const absent = "there is no such process in this store"
	for _, test := range []struct {
		asked        *ward
		method, path string
		code         string
		want         string
	}{
		{payments, "GET", "/admin/processes/1", "process_not_found", absent + "; another store may have it: ask a process with the role processes (checkout) or restaurant (kitchen)"},
		{payments, "GET", "/admin/processes/checkout-1", "process_not_found", absent + "; another store may have it: ask a process with the role processes (checkout)"},
		{payments, "POST", "/admin/processes/kitchen-1/retry", "process_not_found", absent + "; another store may have it: ask a process with the role restaurant (kitchen)"},
		{payments, "GET", "/admin/processes/cashier-1", "process_not_found", absent},
		{&ward{}, "GET", "/admin/processes/%25zz", "process_not_found", absent + "; another store may have it: ask a process with the role processes (checkout), payments (cashier) or restaurant (kitchen)"},
		{all, "GET", "/admin/processes/1", "process_not_found", absent},
		{all, "POST", "/admin/payments/1/refunds", "not_found", "processes with the role api take this in; this one has api,payments"},
		{all, "GET", "/gateway/totals", "not_found", "processes with the role payments know the gateway; this one has api,payments"},
		{&ward{gatewayAt: "http://gateway.example"}, "GET", "/gateway/totals", "not_found", "the gateway is not simulated here: it is at http://gateway.example"},
		{&ward{gatewayAt: "http://gateway.example"}, "GET", "/gateway", "not_found", "the gateway is not simulated here: it is at http://gateway.example"},
		{all, "GET", "/admin/nothing", "not_found", "nothing answers at this path"},
		{all, "GET", "/", "not_found", "nothing answers at this path"},
	} {
		if says := test.asked.wantProblem(t, test.method, test.path, http.StatusNotFound, test.code); says != test.want {
			t.Errorf("%s %s says %q, want %q", test.method, test.path, says, test.want)
		}
	}
	for path, method := range map[string]string{"/admin/processes": "POST", "/admin/processes/1/retry": "GET", "/admin/payments/1/refunds": "GET", "/livez": "DELETE"} {
		if says := all.wantProblem(t, method, path, http.StatusMethodNotAllowed, "method_not_allowed"); !strings.Contains(says, method) {
			t.Errorf("%s %s says %q", method, path, says)
		}
	}
}

func TestParametersThatAPathDoesNotKnowAreRefused(t *testing.T) {
	t.Parallel()
	w := &ward{}
	for path, method := range map[string]string{
		"/admin/processes?nane=x": "GET", "/admin/processes/1?stuck": "GET", "/admin/processes/1/retry?all": "POST", "/admin/commands/1?wait=1": "GET",
	} {
		_, parameter, _ := strings.Cut(path, "?")
		parameter, _, _ = strings.Cut(parameter, "=")
		says := w.wantProblem(t, method, path, http.StatusBadRequest, "invalid_parameter")
		if want := "/query/" + parameter + " is no parameter of this path"; says != want {
			t.Errorf("%s says %q, want %q", path, says, want)
		}
	}
	if says := w.wantProblem(t, "GET", "/admin/processes?name=nope", http.StatusBadRequest, "invalid_parameter"); says != "/query/name must be checkout, cashier or kitchen" {
		t.Errorf("it says %q, want the names that there are", says)
	}
}
