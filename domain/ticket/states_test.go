package ticket_test

import (
	"testing"

	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es/estest"
)

// matrix says what every ticket answers to every command: the events that follow,
// after an arrow, or the code of the rejection, or "nothing" where the command was
// carried out before.
const matrix = `
situation  open              accept            reject            withdraw
none       →opened           ticket_not_found  ticket_not_found  →withdrawn
open       nothing           →accepted         →rejected         →withdrawn
accepted   nothing           ticket_accepted   ticket_accepted   →withdrawn
rejected   nothing           ticket_rejected   ticket_rejected   ticket_rejected
withdrawn  ticket_withdrawn  ticket_withdrawn  ticket_withdrawn  nothing
`

// situations are the lives that lead to each row of the matrix.
var situations = map[string][][]ticket.Event{
	"none":      {nil},
	"open":      {{opened}},
	"accepted":  {{opened, accepted}},
	"rejected":  {{opened, rejected}},
	"withdrawn": {{withdrawn}, {opened, withdrawn}, {opened, accepted, withdrawn}},
}

// commands are the columns of the matrix.
var commands = map[string]decision{
	"open": open(), "accept": accept(), "reject": reject("no oven"), "withdraw": withdraw(),
}

func TestEverySituationAnswersEveryCommandAsTheMatrixSays(t *testing.T) {
	t.Parallel()
	estest.Matrix[ticket.Ticket, ticket.Event]{Table: []string{matrix}, Situations: situations, Commands: commands}.Test(t)
}
