// SPDX-License-Identifier: Apache-2.0
// github.com/AdahRukki/timetable: timetables of a school; Express, Drizzle, its own accounts. Two schools that do not see
// each other.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const title = /School Timetable Builder/;

// Fonts from elsewhere, and what it asks before somebody has signed in. A new account's first requests race for one row, and
// the one that loses ends the whole process, wherever it runs: it is started again.
export const ownTrouble = /foreign: https:\/\/fonts\.|401 GET \/api\/auth\/user|Missing `Description`|503 GET \/api\/.* not answering/;

const word = () => randomBytes(4).toString("hex");

async function join({ page }, name, mark) {
  await page.goto("/", { waitUntil: "networkidle" });
  await page.getByTestId("tab-register").click();
  await page.getByTestId("input-register-firstname").fill(name);
  await page.getByTestId("input-register-lastname").fill(mark);
  await page.getByTestId("input-register-email").fill(`${name}-${mark}@example.com`);
  await page.getByTestId("input-register-password").fill(`secret-${mark}`);
  await page.getByTestId("button-submit-register").click();
  await page.getByTestId("card-auth").waitFor({ state: "detached" });
}

const teachers = ({ page }) => page.evaluate(async () => (await fetch("/api/teachers", { headers: { "x-driver": "1" } })).json());

export async function drive({ visitor, step }) {
  const mark = word();
  const [ada, obi] = [await visitor("ada"), await visitor("obi")];
  await ada.page.goto("/", { waitUntil: "networkidle" });
  await ada.page.getByText("Build Smart School Timetables").waitFor();
  step("the landing page renders");

  await join(ada, "ada", mark);
  await join(obi, "obi", mark);
  step("two schools sign up through the app's form; sessions are in PostgreSQL");

  await ada.page.goto("/settings", { waitUntil: "networkidle" });
  await ada.page.getByTestId("button-add-subject").click();
  await ada.page.getByTestId("input-subject-name").fill(`Algebra ${mark}`);
  await ada.page.getByTestId("button-submit-subject").click();
  await ada.page.getByText(`Algebra ${mark}`).first().waitFor();
  await ada.page.goto("/teachers", { waitUntil: "networkidle" });
  await ada.page.getByTestId("button-add-teacher").click();
  await ada.page.getByTestId("input-teacher-name").fill(`Mr. ${mark}`);
  await ada.page.getByRole("dialog").getByRole("button", { name: "JSS1", exact: true }).click();
  await ada.page.getByRole("dialog").getByRole("checkbox").first().click();
  await ada.page.getByTestId("button-save-teacher").click();
  await ada.page.getByText(`Mr. ${mark}`).first().waitFor();
  await ada.page.reload({ waitUntil: "networkidle" });
  await ada.page.getByText(`Mr. ${mark}`).first().waitFor();
  step("a subject and a teacher are added through the app's forms and are there after a reload");

  assert.equal((await teachers(ada)).filter((it) => it.name === `Mr. ${mark}`).length, 1);
  assert.deepEqual(await teachers(obi), []);
  await obi.page.goto("/teachers", { waitUntil: "networkidle" });
  assert.equal(await obi.page.getByText(`Mr. ${mark}`).count(), 0);
  step("the other school does not see it");

  await ada.page.context().clearCookies();
  await ada.page.goto("/", { waitUntil: "networkidle" });
  await ada.page.getByTestId("input-login-email").fill(`ada-${mark}@example.com`);
  await ada.page.getByTestId("input-login-password").fill(`secret-${mark}`);
  await ada.page.getByTestId("button-submit-login").click();
  await ada.page.getByTestId("card-auth").waitFor({ state: "detached" });
  step("signing in again through the app's form");
}
