package es

// Command is a request to change one aggregate.
type Command interface {
	// CommandType is the name the command is journaled and sent under.
	CommandType() string

	// Target is the id of the aggregate that the command is for.
	Target() string
}

// Seal puts a command into an envelope. The id, where it comes from and when it
// was accepted are the sender's to fill in.
func Seal(codec *Codec[Command], c Command) (Envelope, error) {
	name, schema, payload, err := codec.Encode(c)
	if err != nil {
		return Envelope{}, err
	}
	return Envelope{Type: name, Target: c.Target(), Schema: schema, Payload: payload}, nil
}
