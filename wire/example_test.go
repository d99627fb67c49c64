package wire_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

func ExampleSignAlma() {
	fmt.Println(wire.SignAlma("your-secret-key", []byte(`{"a":1}`)))
	// Output: sha256=1461cc79254b3283a481c081ebfd6064a4aca96fd7dec2560fab32872b707f80
}

func ExampleVerifyAlma() {
	signature := "sha256=1461cc79254b3283a481c081ebfd6064a4aca96fd7dec2560fab32872b707f80"
	fmt.Println(wire.VerifyAlma("your-secret-key", []byte(`{"a":1}`), signature))
	err := wire.VerifyAlma("your-secret-key", []byte(`{"a":2}`), signature)
	fmt.Println(errors.Is(err, wire.ErrSignatureMismatch))
	// Output:
	// <nil>
	// true
}

func ExampleLookup() {
	format, _ := wire.Lookup(alma.FormatAlma)
	msg, err := format.Encode([]*alma.Event{{ID: "evt_1", Type: alma.Deleted, MemoryID: "mem_1", MemoryType: alma.TypeHeuristic}}, wire.Form{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(msg.Body))
	// Output: {"event_type":"DELETED","memory_id":"mem_1","memory_type":"heuristic","agent":"","project_id":"","timestamp":"0001-01-01T00:00:00Z","data":{},"event_id":"evt_1"}
}

func ExampleSignExlibris() {
	fmt.Println(wire.SignExlibris("itsasecret", []byte(`{"action": "JOB_END"}`)))
	// Output: bbQKggzWRSuwopIwszy757lusNZWOPllfv5Rt6Qj8uE=
}

func ExampleVerifyExlibris() {
	body, signature := []byte(`{"action": "JOB_END"}`), "bbQKggzWRSuwopIwszy757lusNZWOPllfv5Rt6Qj8uE="
	fmt.Println(wire.VerifyExlibris("itsasecret", body, signature))
	err := wire.VerifyExlibris("another", body, signature)
	fmt.Println(errors.Is(err, wire.ErrSignatureMismatch))
	// Output:
	// <nil>
	// true
}

// What the platform has sent is an event, and goes out again as it came.
func ExampleLookup_exlibris() {
	format, _ := wire.Lookup(alma.FormatExlibris)
	events, err := format.Decode(nil, []byte(`{"id":"4700000000000000001","action":"LOAN","institution":{"value":"01EXAMPLE_INST","desc":null},`+
		`"time":"2026-01-28T12:00:00.120Z","event":{"value":"LOAN_RETURNED","desc":"Loan returned"},"item_loan":{"loan_id":"6900000000000001"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := &events[0]
	fmt.Println(e.Type, e.MemoryType, e.MemoryID, e.ProjectID, string(e.Data))
	msg, err := format.Encode([]*alma.Event{e}, wire.Form{XML: true})
	fmt.Println(err, msg.ContentType)
	fmt.Println(string(msg.Body))
	// Output:
	// LOAN_RETURNED item_loan 6900000000000001 01EXAMPLE_INST {"loan_id":"6900000000000001"}
	// <nil> application/xml
	// <?xml version="1.0" encoding="UTF-8" standalone="yes"?><webhook><id>4700000000000000001</id><action>LOAN</action><institution>01EXAMPLE_INST</institution><time>2026-01-28T12:00:00.120Z</time><event desc="Loan returned">LOAN_RETURNED</event><item_loan><loan_id>6900000000000001</loan_id></item_loan></webhook>
}

func ExampleSignStandard() {
	secret := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	signature, err := wire.SignStandard(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	fmt.Println(signature, err)
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= <nil>
}

func ExamplePublicKey() {
	fmt.Println(wire.PublicKey("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="))
	// Output: whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4= true
}
