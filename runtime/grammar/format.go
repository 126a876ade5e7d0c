package grammar

// formats are those that are held, as expressions. Sources: RFC 3339, sections 5.6 and
// 5.7, without leap seconds and with capital T and Z; RFC 9562, section 4.
var formats = map[string]string{
	"date":      `^` + date + `$`,
	"time":      `^` + clock + `$`,
	"date-time": `^` + date + `T` + clock + `$`,
	"uuid":      `^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`,
}

// longFormat is more characters than any of them has.
const longFormat = 64

const (
	date = `(\d{4}-(` +
		`(01|03|05|07|08|10|12)-(0[1-9]|[12]\d|3[01])|` +
		`(04|06|09|11)-(0[1-9]|[12]\d|30)|` +
		`02-(0[1-9]|1\d|2[0-8]))|` +
		`(` + leap + `)-02-29)`
	leap   = `\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00`
	minute = `([01]\d|2[0-3]):[0-5]\d`
	clock  = minute + `:[0-5]\d(\.\d{1,9})?(Z|[+-]` + minute + `)`
)
