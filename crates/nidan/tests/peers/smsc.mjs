// A short message centre (SMSC) that misbehaves as asked, on the npm package `smpp`: a codec that nobody here wrote.
//
//   node smsc.mjs [--port N] [--password SECRET] [--rate N] [--receipt-ms N] [--late-ms N] [--fault NN]
//                 [--key FILE --cert FILE] [--quiet]
//
// It listens on 127.0.0.1 and tells on standard output, one JSON object per line, what happened; the first is
// {"event":"ready","port":N}. It ends with its standard input, so that it never outlives the test that started it.
//
// What it does to a message is chosen by the last two digits of the number dialled:
//   01 delivered              02 undelivered            03 expired                04 rejected by receipt
//   05 throttled twice first  06 queue full, always     07 no answer, delivered   08 link dropped, delivered
//   09 receipt twice          10 receipt, then answer   11 never a receipt        12 receipt with the id in hex
//   13 ENROUTE first          14 somebody else's id     15 late receipt           16 malformed PDUs around the answer
//   17 number refused         18 sender refused         19 system error           20 late answer
//   21 unsolicited PDUs first 22 receipt as text alone  23 receipt in TLVs alone  24 answer without an id
//   25 delivered twice, each time with an id and a receipt of its own
// Anything else is delivered. With --fault every message is treated as that says, whatever its number. A message whose
// validity is over on arrival never reaches the phone.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import smpp from "smpp";

const { values: given } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    password: { type: "string", default: "secret" },
    rate: { type: "string", default: "0" }, // messages in any second; more are throttled; 0: any number
    "receipt-ms": { type: "string", default: "50" },
    "late-ms": { type: "string", default: "1500" },
    fault: { type: "string" },
    key: { type: "string" },
    cert: { type: "string" },
    quiet: { type: "boolean", default: false }, // tells nothing of single messages: for measuring
  },
});
const RATE = Number(given.rate);
const RECEIPT_MS = Number(given["receipt-ms"]);
const LATE_MS = Number(given["late-ms"]);
/** How soon a receipt is sent again that was not taken, and how often at most. */
const AGAIN_MS = 100;
const AGAIN_MAX = 20;
/** message_state (SMPP 3.4 §5.2.28) by the word in a receipt's text (appendix B). */
const STATES = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, UNDELIV: 5, REJECTD: 8 };

const tell = (event, more = {}) => {
  if (!given.quiet) process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...more })}\n`);
};

let lastId = 1000;
let accepted = []; // when messages of the last second were accepted
const throttled = new Map(); // number → how often, for 05
const listeners = new Set(); // sessions that take receipts
const waiting = []; // receipts without a session that would take them

function withinRate() {
  const now = performance.now();
  accepted = accepted.filter((at) => now - at < 1000);
  if (RATE > 0 && accepted.length >= RATE) return false;
  if (RATE > 0) accepted.push(now);
  return true;
}

// ---- receipts ----

/** Sends to whoever listens, again and again until it is taken: also when the connection ends before the answer. */
function deliver(make, told, tries = 0) {
  const [session] = listeners;
  if (!session) return waiting.push(() => deliver(make, told, tries));
  const again = () => deliver(make, told, tries);
  session.unanswered.add(again);
  session.send(make(), (answer) => {
    session.unanswered.delete(again);
    tell("receipt_answer", { ...told, status: answer.command_status });
    if (answer.command_status !== smpp.ESME_ROK && tries < AGAIN_MAX) {
      setTimeout(() => deliver(make, told, tries + 1), AGAIN_MS);
    }
  });
}

function receiptText(id, state) {
  const two = (number) => String(number).padStart(2, "0");
  const now = new Date();
  const parts = [now.getFullYear() % 100, now.getMonth() + 1, now.getDate(), now.getHours(), now.getMinutes()];
  const date = parts.map(two).join("");
  const good = state === "DELIVRD";
  return `id:${id} sub:001 dlvrd:${good ? "001" : "000"} submit date:${date} done date:${date} stat:${state} err:${good ? "000" : "045"} text:`;
}

/** A receipt for `submit`, after `ms`. `parts` says what carries it: its text, its TLVs, or both. */
function receipt(submit, id, state, ms = RECEIPT_MS, parts = "both") {
  if (!(submit.registered_delivery & 1)) return;
  const make = () =>
    new smpp.PDU("deliver_sm", {
      source_addr_ton: submit.dest_addr_ton,
      source_addr_npi: submit.dest_addr_npi,
      source_addr: submit.destination_addr,
      destination_addr: submit.source_addr,
      esm_class: 4,
      short_message: parts === "tlvs" ? "" : receiptText(id, state),
      ...(parts === "text" ? {} : { receipted_message_id: id, message_state: STATES[state] }),
    });
  setTimeout(() => deliver(make, { id, state }), ms);
}

// ---- submits ----

/** How a submit is answered, and what else happens, by the last two digits. */
const FAULTS = {
  "02": (at) => at.answer().receipt("UNDELIV"),
  "03": (at) => at.answer().receipt("EXPIRED"),
  "04": (at) => at.answer().receipt("REJECTD"),
  "07": (at) => at.receipt("DELIVRD"),
  "08": (at) => at.session.destroy(),
  "09": (at) => at.answer().receipt("DELIVRD").receipt("DELIVRD", { ms: RECEIPT_MS * 2 }),
  10: (at) => at.receipt("DELIVRD", { ms: 0 }).answer({ ms: RECEIPT_MS }),
  11: (at) => at.answer(),
  12: (at) => at.answer().receipt("DELIVRD", { id: Number(at.id).toString(16).toUpperCase() }),
  13: (at) => at.answer().receipt("ENROUTE").receipt("DELIVRD", { ms: RECEIPT_MS * 3 }),
  14: (at) => at.answer().receipt("UNDELIV", { id: String(Number(at.id) - 1) }),
  15: (at) => at.answer().receipt("DELIVRD", { ms: LATE_MS }),
  16: (at) => at.malformed().answer().malformed().receipt("DELIVRD"),
  20: (at) => at.answer({ ms: LATE_MS }).receipt("DELIVRD", { ms: LATE_MS * 2 }),
  21: (at) => at.unsolicited().answer().receipt("DELIVRD"),
  22: (at) => at.answer().receipt("DELIVRD", { parts: "text" }),
  23: (at) => at.answer().receipt("DELIVRD", { parts: "tlvs" }),
  24: (at) => at.answer({ id: "" }),
  25: (at) => at.answer().receipt("DELIVRD").receipt("DELIVRD", { id: String(++lastId) }),
};
/** Refusals by the last two digits: command_status (SMPP 3.4 §5.1.3). */
const REFUSALS = { "06": smpp.ESME_RMSGQFUL, 17: smpp.ESME_RINVDSTADR, 18: smpp.ESME_RINVSRCADR, 19: smpp.ESME_RSYSERR };

/** One message that was taken. Each step returns the message, so that a fault reads in the order of its steps. */
class Message {
  constructor(session, submit, id) {
    Object.assign(this, { session, submit, id });
  }

  answer({ id = this.id, ms = 0 } = {}) {
    const send = () => this.session.send(this.submit.response({ message_id: id }));
    if (ms > 0) setTimeout(send, ms);
    else send();
    return this;
  }

  receipt(state, { id = this.id, ms, parts } = {}) {
    receipt(this.submit, id, state, ms, parts);
    return this;
  }

  /** A deliver_sm whose body breaks off, a response that is cut, and a command that does not exist: all well framed. */
  malformed() {
    for (const [command, body] of [[0x00000005, "0001"], [0x80000004, "31323334"], [0x000000fe, "00"]]) {
      const frame = Buffer.alloc(16 + body.length / 2);
      frame.writeUInt32BE(frame.length, 0);
      frame.writeUInt32BE(command, 4);
      frame.writeUInt32BE(0x7000, 12);
      frame.write(body, 16, "hex");
      this.session.socket.write(frame);
    }
    return this;
  }

  /** What a subscriber wrote, and that one is there again. */
  unsolicited() {
    this.session.deliver_sm({ source_addr: "+819000000000", destination_addr: "12345", short_message: "STOP" }, (answer) =>
      tell("unsolicited_answer", { status: answer.command_status }),
    );
    this.session.alert_notification({ source_addr: "+819000000000", esme_addr: "12345" });
    return this;
  }
}

function refusal(submit, fault) {
  const number = submit.destination_addr;
  if (!withinRate()) return smpp.ESME_RTHROTTLED;
  if (fault === "05" && (throttled.get(number) ?? 0) < 2) {
    throttled.set(number, (throttled.get(number) ?? 0) + 1);
    return smpp.ESME_RTHROTTLED;
  }
  return REFUSALS[fault];
}

function onSubmit(session, submit) {
  const number = submit.destination_addr;
  const fault = given.fault ?? number.slice(-2);
  const status = refusal(submit, fault);
  if (status) {
    tell("refused", { to: number, status });
    return session.send(submit.response({ command_status: status }));
  }
  const id = String(++lastId);
  const message = new Message(session, submit, id);
  const until = submit.validity_period instanceof Date ? submit.validity_period.getTime() : undefined;
  if (until !== undefined && until < Date.now()) {
    tell("expired", { to: number, id });
    return message.answer().receipt("EXPIRED");
  }
  tell("phone", {
    id,
    session: session.number,
    to: number,
    to_ton: submit.dest_addr_ton,
    from: submit.source_addr,
    from_ton: submit.source_addr_ton,
    from_npi: submit.source_addr_npi,
    data_coding: submit.data_coding,
    receipt: submit.registered_delivery,
    esm_class: submit.esm_class,
    udh: submit.short_message.udh?.map?.((part) => part.toString("hex")).join("") ?? "",
    text: String(submit.short_message.message),
    until,
  });
  (FAULTS[fault] ?? ((at) => at.answer().receipt("DELIVRD")))(message);
}

// ---- sessions ----

let sessions = 0;

function onSession(session) {
  session.number = ++sessions;
  session.unanswered = new Set(); // receipts
  const bind = (role) => (pdu) => {
    if (pdu.password !== given.password) {
      tell("bind_refused", { system_id: pdu.system_id });
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      return session.close();
    }
    session.send(pdu.response({ system_id: "npm-smsc" }));
    tell("bound", { role, system_id: pdu.system_id, version: pdu.interface_version });
    if (role === "transmitter") return;
    listeners.add(session);
    waiting.splice(0).forEach((send) => send());
  };
  session.on("bind_transceiver", bind("transceiver"));
  session.on("bind_transmitter", bind("transmitter"));
  session.on("bind_receiver", bind("receiver"));
  session.on("submit_sm", (pdu) => onSubmit(session, pdu));
  session.on("enquire_link", (pdu) => {
    tell("enquired");
    session.send(pdu.response());
  });
  session.on("generic_nack", (pdu) => tell("nack", { status: pdu.command_status }));
  session.on("unbind", (pdu) => {
    tell("unbound");
    session.send(pdu.response());
    session.close();
  });
  session.on("error", () => {}); // a close follows
  session.on("close", () => {
    listeners.delete(session);
    session.unanswered.forEach((again) => again());
    tell("closed");
  });
}

const tls = given.key ? { key: readFileSync(given.key), cert: readFileSync(given.cert) } : {};
const server = smpp.createServer(tls, onSession);
server.listen(Number(given.port), "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ event: "ready", port: server.address().port })}\n`);
});
process.stdin.on("end", () => process.exit());
// A line is answered when all that happened before it has been told.
process.stdin.on("data", (lines) => {
  for (const byte of lines) if (byte === 10) process.stdout.write('{"event":"caught_up"}\n');
});
