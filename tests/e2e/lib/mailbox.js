// SPDX-License-Identifier: Apache-2.0
//
// A mail server on loopback (smtp-server) that keeps what it gets. It can be taken away and come back on the same port,
// and be told to refuse.
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

export class Mailbox {
  mails = [];
  refusal = null; // an answer to RCPT: "451 later"

  static async open(port = 0) {
    const box = new Mailbox();
    await box.start(port);
    return box;
  }

  start(port = this.port) {
    const refused = (words) => Object.assign(new Error(words.slice(4)), { responseCode: Number(words.slice(0, 3)) });
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      onRcptTo: (address, session, done) => done(this.refusal ? refused(this.refusal) : null),
      onData: (stream, session, done) => {
        simpleParser(stream).then((mail) => {
          this.mails.push({ to: session.envelope.rcptTo.map((to) => to.address), subject: mail.subject, text: mail.text, html: mail.html, headers: mail.headers, lines: mail.headerLines.map(({ line }) => line) });
          done();
        }, done);
      },
    });
    this.server.on("error", () => {});
    return new Promise((resolve) => this.server.listen(port, "127.0.0.1", () => {
      this.port = this.server.server.address().port;
      resolve();
    }));
  }

  stop() {
    return new Promise((resolve) => this.server.close(resolve));
  }

  // The next mail to an address, which is taken out.
  async next(to, deadlineMs = 15_000) {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const index = this.mails.findIndex((mail) => mail.to.includes(to));
      if (index >= 0) return this.mails.splice(index, 1)[0];
      if (Date.now() > deadline) throw new Error(`no mail came to ${to}; there are ${JSON.stringify(this.mails.map((mail) => [mail.to, mail.subject]))}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

export const linkOf = (mail) => mail.text.match(/https?:\/\/\S*\/auth\/v1\/verify\S*/)[0];
export const codeOf = (mail) => mail.text.match(/^(\d{6,10})$/m)[1];
