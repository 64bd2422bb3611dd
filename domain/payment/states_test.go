package payment_test

import (
	"testing"

	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es/estest"
)

// matrix says what every payment answers to every command: the events that follow,
// after an arrow, or the code of the rejection, or "nothing" where the command was
// carried out before. Each part has all the situations.
//
// refund and refund-part ask as r-1 for all that is left and for a part of it, and the
// gateway answers r-1, which an operator may settle; refund-other asks as r-2 for all that
// is left.
var matrix = []string{`
situation            debit               debit-free          call-off        call-off-free   confirm-debit      decline-debit
none                 →debit_requested    →debit_requested    →called_off     →called_off     payment_not_found  payment_not_found
requested            nothing             payment_exists      nothing         payment_exists  →debited           →declined
declined             nothing             payment_exists      nothing         payment_exists  payment_answered   nothing
called-off           payment_called_off  payment_exists      nothing         payment_exists  payment_answered   nothing
debited              nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
whole-asked          nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
whole-given          nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
whole-refused        nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
whole-settled        nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
whole-refused-other  nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-asked           nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-given           nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-refused         nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-asked-other     nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-given-other     nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-other-refused   nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-settled         nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-settled-other   nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
part-refused-other   nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
other-asked          nothing             payment_exists      nothing         payment_exists  nothing            payment_answered
free-requested       payment_exists      nothing             payment_exists  nothing         →debited           →declined
free-declined        payment_exists      nothing             payment_exists  nothing         payment_answered   nothing
free-called-off      payment_exists      payment_called_off  payment_exists  nothing         payment_answered   nothing
free-debited         payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
free-asked           payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
free-given           payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
free-refused         payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
free-settled         payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
free-refused-other   payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
free-other           payment_exists      nothing             payment_exists  nothing         nothing            payment_answered
`, `
situation            refund               refund-part          refund-other
none                 payment_not_found    payment_not_found    payment_not_found
requested            payment_not_debited  payment_not_debited  payment_not_debited
declined             payment_not_debited  payment_not_debited  payment_not_debited
called-off           payment_not_debited  payment_not_debited  payment_not_debited
debited              →refund_requested    →refund_requested    →refund_requested
whole-asked          nothing              refund_exists        nothing_left
whole-given          nothing              refund_exists        nothing_left
whole-refused        nothing              refund_exists        →refund_requested
whole-settled        nothing              refund_exists        nothing_left
whole-refused-other  nothing              refund_exists        nothing
part-asked           nothing              nothing              →refund_requested
part-given           nothing              nothing              →refund_requested
part-refused         nothing              nothing              →refund_requested
part-asked-other     nothing              nothing              nothing
part-given-other     nothing              nothing              nothing
part-other-refused   nothing              nothing              nothing
part-settled         nothing              nothing              →refund_requested
part-settled-other   nothing              nothing              nothing
part-refused-other   nothing              nothing              nothing
other-asked          nothing_left         nothing_left         nothing
free-requested       payment_not_debited  payment_not_debited  payment_not_debited
free-declined        payment_not_debited  payment_not_debited  payment_not_debited
free-called-off      payment_not_debited  payment_not_debited  payment_not_debited
free-debited         →refund_requested    refund_too_large     →refund_requested
free-asked           nothing              refund_exists        nothing_left
free-given           nothing              refund_exists        nothing_left
free-refused         nothing              refund_exists        →refund_requested
free-settled         nothing              refund_exists        nothing_left
free-refused-other   nothing              refund_exists        nothing
free-other           nothing_left         nothing_left         nothing
`, `
situation            confirm-refund     refuse-refund     settle-refund
none                 payment_not_found  payment_not_found  payment_not_found
requested            refund_unknown     refund_unknown     refund_unknown
declined             refund_unknown     refund_unknown     refund_unknown
called-off           refund_unknown     refund_unknown     refund_unknown
debited              refund_unknown     refund_unknown     refund_unknown
whole-asked          →refunded          →refund_refused    refund_open
whole-given          nothing            refund_answered    refund_answered
whole-refused        refund_answered    nothing            →refunded
whole-settled        refund_answered    nothing            nothing
whole-refused-other  refund_answered    nothing            refund_too_large
part-asked           →refunded          →refund_refused    refund_open
part-given           nothing            refund_answered    refund_answered
part-refused         refund_answered    nothing            →refunded
part-asked-other     →refunded          →refund_refused    refund_open
part-given-other     nothing            refund_answered    refund_answered
part-other-refused   refund_answered    nothing            →refunded
part-settled         refund_answered    nothing            nothing
part-settled-other   refund_answered    nothing            nothing
part-refused-other   refund_answered    nothing            refund_too_large
other-asked          refund_unknown     refund_unknown     refund_unknown
free-requested       refund_unknown     refund_unknown     refund_unknown
free-declined        refund_unknown     refund_unknown     refund_unknown
free-called-off      refund_unknown     refund_unknown     refund_unknown
free-debited         refund_unknown     refund_unknown     refund_unknown
free-asked           →refunded          →refund_refused    refund_open
free-given           nothing            refund_answered    refund_answered
free-refused         refund_answered    nothing            →refunded
free-settled         refund_answered    nothing            nothing
free-refused-other   refund_answered    nothing            refund_too_large
free-other           refund_unknown     refund_unknown     refund_unknown
`}

// situations are the lives that lead to each row of the matrix.
var situations = map[string][][]payment.Event{
	"none":                {nil},
	"requested":           {{requested}},
	"declined":            {{requested, declined}},
	"called-off":          {{calledOff}},
	"debited":             {{requested, debited}},
	"whole-asked":         {{requested, debited, asked("r-1", ten)}},
	"whole-given":         {{requested, debited, asked("r-1", ten), givenBack("r-1", ten)}},
	"whole-refused":       {{requested, debited, asked("r-1", ten), refused("r-1", ten)}},
	"whole-refused-other": {{requested, debited, asked("r-1", ten), refused("r-1", ten), asked("r-2", ten)}},
	"whole-settled":       {{requested, debited, asked("r-1", ten), refused("r-1", ten), settled("r-1", ten)}},
	"part-asked":          {{requested, debited, asked("r-1", four)}},
	"part-given":          {{requested, debited, asked("r-1", four), givenBack("r-1", four)}},
	"part-refused":        {{requested, debited, asked("r-1", four), refused("r-1", four)}},
	"part-settled":        {{requested, debited, asked("r-1", four), refused("r-1", four), settled("r-1", four)}},
	"part-asked-other":    {{requested, debited, asked("r-1", four), asked("r-2", six)}},
	"part-given-other": {
		{requested, debited, asked("r-1", four), givenBack("r-1", four), asked("r-2", six)},
		{requested, debited, asked("r-1", four), asked("r-2", six), givenBack("r-1", four)},
	},
	"part-settled-other": {
		{requested, debited, asked("r-1", four), refused("r-1", four), settled("r-1", four), asked("r-2", six)},
		{requested, debited, asked("r-1", four), asked("r-2", six), refused("r-1", four), settled("r-1", four)},
	},
	"part-other-refused": {{requested, debited, asked("r-1", four), asked("r-2", six), refused("r-1", four)}},
	"part-refused-other": {{requested, debited, asked("r-1", four), refused("r-1", four), asked("r-2", ten)}},
	"other-asked":        {{requested, debited, asked("r-2", ten)}},
	"free-requested":     {{freeRequested}},
	"free-declined":      {{freeRequested, declined}},
	"free-called-off":    {{freeCalledOff}},
	"free-debited":       {{freeRequested, freeDebited}},
	"free-asked":         {{freeRequested, freeDebited, asked("r-1", free)}},
	"free-given":         {{freeRequested, freeDebited, asked("r-1", free), givenBack("r-1", free)}},
	"free-refused":       {{freeRequested, freeDebited, asked("r-1", free), refused("r-1", free)}},
	"free-settled":       {{freeRequested, freeDebited, asked("r-1", free), refused("r-1", free), settled("r-1", free)}},
	"free-refused-other": {{freeRequested, freeDebited, asked("r-1", free), refused("r-1", free), asked("r-2", free)}},
	"free-other":         {{freeRequested, freeDebited, asked("r-2", free)}},
}

// commands are the columns of the matrix.
var commands = map[string]decision{
	"debit":          debit("o-1", "tok_ok", ten),
	"debit-free":     debit("o-1", "tok_ok", free),
	"call-off":       callOff("o-1", "tok_ok", ten),
	"call-off-free":  callOff("o-1", "tok_ok", free),
	"confirm-debit":  confirmDebit(),
	"decline-debit":  declineDebit(),
	"refund":         refund("r-1", all),
	"refund-part":    refund("r-1", four),
	"refund-other":   refund("r-2", all),
	"confirm-refund": confirmRefund("r-1"),
	"refuse-refund":  refuseRefund("r-1"),
	"settle-refund":  settleRefund("r-1"),
}

// Debit and CallOff stand in two columns each, and Refund in three.
func TestEverySituationAnswersEveryCommandAsTheMatrixSays(t *testing.T) {
	t.Parallel()
	estest.Matrix[payment.Payment, payment.Event]{Table: matrix, Situations: situations, Commands: commands, Spare: 4}.Test(t)
}
