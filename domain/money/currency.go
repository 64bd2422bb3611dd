package money

import "strings"

// currencies are the active codes of ISO 4217 for money that can be spent; the
// codes for metals, funds and tests are left out.
var currencies = set(`
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD
BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP
ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER
ZAR ZMW ZWG`)

// IsCurrency tells whether a code is one of money that can be spent.
func IsCurrency(code string) bool {
	_, ok := currencies[code]
	return ok
}

var (
	withoutDecimals = set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
	withThree       = set("BHD IQD JOD KWD LYD OMR TND")
)

// decimals returns how many digits there are behind the point in a currency, as
// ISO 4217 says it.
func decimals(code string) int {
	if _, none := withoutDecimals[code]; none {
		return 0
	}
	if _, three := withThree[code]; three {
		return 3
	}
	return 2
}

func set(words string) map[string]struct{} {
	m := map[string]struct{}{}
	for _, w := range strings.Fields(words) {
		m[w] = struct{}{}
	}
	return m
}
