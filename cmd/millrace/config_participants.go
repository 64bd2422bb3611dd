package main

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/app/process"
)

// builtIn is the address of a gateway in this process that keeps its ledger where it
// finds a place for it.
const builtIn = "simulator:"

// gatewayAddress is where the gateway is. The built-in one has its ledger beside the
// store if that is a file, or else in the working directory.
func (c *config) gatewayAddress() string {
	if c.Gateway != builtIn {
		return c.Gateway
	}
	path, isFile := strings.CutPrefix(c.Store, "sqlite:")
	if !isFile {
		path = "millrace.db"
	}
	return builtIn + strings.TrimSuffix(path, ".db") + "-gateway.db"
}

// gatewayShown says where the gateway is, or that it takes no money.
func (c *config) gatewayShown() string {
	address := gateway.Shown(c.gatewayAddress())
	if ledger, simulated := strings.CutPrefix(address, builtIn); simulated {
		return "simulated; ledger " + ledger
	}
	return address
}

// warnOfPlayMoney says so when nobody has said what the gateway is, on a store that
// looks as if the money was real. Other processes have ledgers of their own then.
func (c *config) warnOfPlayMoney(log *slog.Logger) {
	if c.Gateway == builtIn && scheme(c.Store) != "sqlite:" {
		log.Warn("payments are simulated, with a ledger in the working directory; set MILLRACE_GATEWAY to where the gateway is",
			"ledger", strings.TrimPrefix(c.gatewayAddress(), builtIn))
	}
}

// participantFlags are the settings of the checkout and of those who take part in it.
func (c *config) participantFlags(f *pflag.FlagSet) {
	f.StringVar(&c.Gateway, "gateway", builtIn, "who takes the money: simulator: for one in the process with its ledger beside the SQLite store, simulator:PATH with it elsewhere, or http://HOST:PORT")
	f.DurationVar(&c.GatewayTimeout, "gateway-timeout", 10*time.Second, "how long the gateway may take to answer; after that its answer is looked for")
	f.DurationVar(&c.PaymentTimeout, "payment-timeout", time.Minute, "how long an order waits for its payment before that has failed")
	f.DurationVar(&c.RestaurantTimeout, "restaurant-timeout", 15*time.Minute, "how long an order waits for the restaurant before it is rejected")
	f.DurationVar(&c.CustomerTimeout, "customer-timeout", 30*time.Minute, "how long a submitted order waits to be paid, or a paid one to be submitted, before it is canceled")
	f.StringVar(&c.Restaurant, "restaurant", "accept", "how tickets are answered that no rule rejects: accept, or by-hand over the API")
	f.StringSliceVar(&c.SoldOut, "sold-out", nil, "ids of products that the restaurant is out of, with commas")
	f.IntVar(&c.MaxPieces, "max-pieces", 0, "the most pieces that the restaurant makes for one order; 0 for any number")
	c.slowPaymentFlag(f)
}

// slowPaymentFlag is the setting of every command that simulates payments.
func (c *config) slowPaymentFlag(f *pflag.FlagSet) {
	f.DurationVar(&c.SlowPayment, "slow-payment", 2*time.Second, "how long the simulated payment tok_slow takes")
}

// gatewaySimulatorFlags are the settings of the gateway simulator.
func (c *config) gatewaySimulatorFlags(f *pflag.FlagSet) {
	c.ledgerFlags(f)
	c.slowPaymentFlag(f)
	c.logFlags(f)
}

// ledgerFlags are the settings that nobody but the gateway simulator has.
func (c *config) ledgerFlags(f *pflag.FlagSet) {
	f.StringVar(&c.GatewayAddr, "gateway-addr", "127.0.0.1:8090", "address of the simulated payment gateway")
	f.StringVar(&c.Ledger, "ledger", "millrace-gateway.db", "file in which the simulated gateway keeps its charges and refunds")
}

// patience is how long a checkout waits.
func (c *config) patience() process.Patience {
	return process.Patience{Payment: c.PaymentTimeout, Restaurant: c.RestaurantTimeout, Customer: c.CustomerTimeout}
}

// houseRule is how the restaurant answers tickets.
func (c *config) houseRule() process.HouseRule {
	return process.HouseRule{ByHand: c.Restaurant == "by-hand", SoldOut: c.soldOut(), MaxQuantity: int64(c.MaxPieces)}
}

// soldOut are the ids of products that the restaurant is out of, without the blanks
// that people write after commas.
func (c *config) soldOut() []string {
	ids := make([]string, len(c.SoldOut))
	for i, id := range c.SoldOut {
		ids[i] = strings.TrimSpace(id)
	}
	return ids
}

// checkSoldOut refuses an id that no product has, which is a slip of the pen.
func (c *config) checkSoldOut() error {
	if slices.Contains(c.soldOut(), "") {
		return errors.New("want ids of products with commas between them, and one of them is empty")
	}
	return nil
}
