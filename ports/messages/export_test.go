package messages

// CarriedAnswer and CarriedOutcome are letters as they are on the wire. A question is
// there as it is.
type (
	CarriedAnswer  = carriedAnswer
	CarriedOutcome = carriedOutcome
)
