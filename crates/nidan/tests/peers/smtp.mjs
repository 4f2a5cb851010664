// A mail server for the tests, on the npm package `smtp-server`; what arrives is read with `mailparser`.
//
//   node smtp.mjs DIR      DIR gets ca.pem and other.pem, certificates; the first stands for this server
//
// Prints one JSON document a line: first `{"ports": {…}}`, then every mail that reached a mailbox, and
// `{"closed": NUMBER}` of every connection that ended. What goes wrong is chosen by whom a mail is for, or from. Ends with
// its standard input.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const directory = process.argv[2];
const USER = 'nidan';
const PASSWORD = 'open sesame';

const tell = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);

function certificate(name) {
  const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.pem`)];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });
const greylisted = new Set();

// By the local part of who it is for: what is said to RCPT, once or always.
function destination(address) {
  const local = address.split('@')[0];
  if (local === 'unknown') return refusal(550, '5.1.1 no such mailbox');
  if (local === 'busy') return refusal(421, '4.7.0 come again later');
  if (local === 'full') return refusal(452, '4.3.1 no room');
  if (local.startsWith('grey') && !greylisted.has(address)) {
    greylisted.add(address);
    return refusal(451, '4.7.1 greylisted');
  }
  return undefined;
}

function start(options) {
  let connections = 0;
  const tired = new Set();
  const server = new SMTPServer({
    ...options,
    disableReverseLookup: true,
    onConnect(session, callback) {
      connections += 1;
      session.number = connections;
      callback(options.closed ? refusal(421, '4.3.2 not today') : undefined);
    },
    onClose(session) {
      tell({ closed: session.number });
    },
    onAuth(auth, session, callback) {
      const known = auth.username === USER && auth.password === PASSWORD;
      callback(known ? null : refusal(535, '5.7.8 who are you'), known ? { user: USER } : undefined);
    },
    onMailFrom(address, session, callback) {
      if (tired.has(session.id)) callback(refusal(421, '4.7.0 enough of you'));
      else callback(address.address.startsWith('stranger') ? refusal(553, '5.7.1 not you') : undefined);
    },
    onRcptTo(address, session, callback) {
      callback(destination(address.address));
    },
    async onData(stream, session, callback) {
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const raw = Buffer.concat(chunks);
      const to = session.envelope.rcptTo.map((recipient) => recipient.address);
      const local = to[0].split('@')[0];
      if (local === 'spam') return callback(refusal(554, '5.7.1 looks like spam'));
      if (local === 'later') return callback(refusal(451, '4.3.0 not now'));
      const mail = await simpleParser(raw, { skipTextLinks: true, skipTextToHtml: true });
      const fields = Object.fromEntries(mail.headerLines.map(({ key, line }) => [key, line]));
      tell({
        to, from: session.envelope.mailFrom.address, subject: mail.subject, text: mail.text, html: mail.html,
        shown_from: mail.from.text, fields, raw: raw.toString('latin1'), connection: session.number,
        secure: session.secure, user: session.user ?? null,
      });
      const socket = [...server.connections].find((connection) => connection.id === session.id)._socket;
      if (local === 'silent') return undefined;
      if (local === 'dropped') return socket.destroy();
      if (local === 'tired') tired.add(session.id);
      callback(null, `OK: queued as T${String(session.number).padStart(4, '0')}`);
      if (local === 'closing') socket.end();
      return undefined;
    },
  });
  server.on('error', () => {}); // a client that hangs up, or wants no such certificate
  return new Promise((listening) => {
    server.listen(0, '127.0.0.1', () => listening(server.server.address().port));
  });
}

const tls = certificate('ca');
certificate('other');
const known = { authOptional: false, authMethods: ['PLAIN', 'LOGIN'] };
tell({
  ports: {
    plain: await start({ disabledCommands: ['STARTTLS', 'AUTH'] }),
    no_starttls: await start({ ...known, disabledCommands: ['STARTTLS'] }),
    starttls: await start({ ...known, ...tls }),
    smtps: await start({ ...known, ...tls, secure: true }),
    closed: await start({ closed: true }),
    login_only: await start({ ...known, ...tls, authMethods: ['LOGIN'] }),
  },
});
process.stdin.resume().on('end', () => process.exit(0));
