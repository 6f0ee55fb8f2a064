// SPDX-License-Identifier: Apache-2.0
// Fonts of Google's from packages of npm's: what the code asks for, as builders write it, and what Next is answered.
import test from 'node:test';
import assert from 'node:assert/strict';
import { addressOf, blank, callsIn, literalAt, packagesOf, styleSheet, toolOf, wish } from '../../../src/build/fonts.mjs';

const axis = (tag, min, max) => ({ tag, min, max, defaultValue: min });
const hundreds = ['100', '200', '300', '400', '500', '600', '700', '800', '900'];
const data = {
  Inter: { weights: [...hundreds, 'variable'], styles: ['normal', 'italic'], axes: [axis('opsz', 14, 32), axis('wght', 100, 900)], subsets: ['latin', 'cyrillic'] },
  Geist: { weights: [...hundreds, 'variable'], styles: ['normal'], axes: [axis('wght', 100, 900)], subsets: ['latin'] },
  Poppins: { weights: hundreds, styles: ['normal', 'italic'], subsets: ['latin'] },
  Molle: { weights: ['400'], styles: ['italic'], subsets: ['latin'] },
  Nabla: { weights: ['400', 'variable'], styles: ['normal'], axes: [axis('EDPT', 0, 200), axis('EHLT', 0, 24)], subsets: ['latin'] },
  'Roboto Flex': { weights: [...hundreds, 'variable'], styles: ['normal'], axes: [axis('GRAD', -200, 150), axis('slnt', -10, 0), axis('wdth', 25, 151), axis('wght', 100, 1000)], subsets: ['latin'] },
};
const wished = (name, options = {}) => wish({ name, options }, data);
const address = (name, options) => addressOf(wished(name, options)).replace('https://fonts.googleapis.com/css2?family=', '');

test('calls are found as builders write them', () => {
  const calls = callsIn(`import type React from "react"
// import { Lora } from "next/font/google"
import { Geist, Geist_Mono as V0_Font_Geist_Mono, Poppins } from 'next/font/google'
/* const no = Geist({ weight: "100" }) */
const _geist = Geist({ subsets: ["latin"], })
const _mono = V0_Font_Geist_Mono({ subsets: ['latin'], weight: ["100","900"] as const, variable: '--v0-font' });
export const poppins = Poppins({
  weight: ['400', '700'], // two
  style: \`italic\`, preload: false, adjustFontFallback: true,
});
const other = my.Geist({ weight: "1" }), wrong = Poppins({ weight: someWeight });
export default () => <p title="it's">Don't ask</p>`);
  assert.deepEqual(calls, [
    { name: 'Geist', options: { subsets: ['latin'] }, line: 5 },
    { name: 'Geist_Mono', options: { subsets: ['latin'], weight: ['100', '900'], variable: '--v0-font' }, line: 6 },
    { name: 'Poppins', options: { weight: ['400', '700'], style: 'italic', preload: false, adjustFontFallback: true }, line: 7 },
    { name: 'Poppins', options: null, line: 11 },
  ]);
  assert.deepEqual(callsIn('import { Inter } from "next/font/local"; Inter()'), []);
});

test('a literal is read whole or not at all', () => {
  assert.deepEqual(literalAt(')', 0), {});
  assert.deepEqual(literalAt(`{ "a-b": [1, -2.5, null, true, 'it\\'s'], c: { d: undefined } } satisfies Font.Options, )`, 0), { 'a-b': [1, -2.5, null, true, "it's"], c: { d: undefined } });
  for (const text of ['{ a: b })', '{ ...a })', '[1, 2', '{ a: `${b}` })', '{ a: 1 } + 1)', '', '['.repeat(1000)]) assert.equal(literalAt(text, 0), null, text);
  assert.equal(blank("a /* b\n */ 'c // d' // e"), "a     \n    'c // d'     ");
});

test('the addresses are those that Next asks for', () => {
  assert.equal(address('Inter'), 'Inter:wght@100..900&display=swap');
  assert.equal(address('Inter', { weight: ['700', '400', '400'], style: ['italic', 'normal'], display: 'optional' }), 'Inter:ital,wght@0,400;0,700;1,400;1,700&display=optional');
  assert.equal(address('Inter', { axes: ['opsz'], style: 'italic' }), 'Inter:ital,opsz,wght@1,14..32,100..900&display=swap');
  assert.equal(address('Molle', { weight: '400' }), 'Molle:ital,wght@1,400&display=swap');
  assert.equal(address('Nabla'), 'Nabla&display=swap');
  assert.equal(address('Nabla', { axes: ['EHLT', 'EDPT'] }), 'Nabla:EDPT,EHLT@0..200,0..24&display=swap');
  assert.equal(address('Roboto_Flex', { axes: ['GRAD', 'slnt'] }), 'Roboto+Flex:slnt,wght,GRAD@-10..0,100..1000,-200..150&display=swap');
  for (const [name, options] of [['Unknown', {}], ['toString', {}], ['Poppins', {}], ['Poppins', { weight: '950' }], ['Geist', { style: 'italic' }], ['Geist', { display: 'x' }], ['Geist', { weight: '400', axes: ['wght'] }], ['Geist', null]])
    assert.equal(wish({ name, options }, data), null, name);
});

test('which packages would do, the best one first', () => {
  const of = (name, options) => packagesOf(wished(name, options)).join(' ');
  assert.equal(of('Inter'), '@fontsource-variable/inter');
  assert.equal(of('Inter', { weight: ['400', '700'] }), '@fontsource-variable/inter @fontsource/inter');
  assert.equal(of('Inter', { weight: '400' }), '@fontsource/inter @fontsource-variable/inter');
  assert.equal(of('Poppins', { weight: ['400', '700'] }), '@fontsource/poppins');
  assert.equal(of('Nabla'), '@fontsource/nabla @fontsource-variable/nabla');
  assert.equal(of('Roboto_Flex'), '@fontsource-variable/roboto-flex');
  assert.equal(toolOf('@fontsource-variable/roboto-flex'), 'fontsource-variable-roboto-flex-5');
});

const face = (family, subset, file, more) => `/* ${subset} */\n@font-face {\n  font-family: '${family}';\n  font-display: swap;\n${more}  src: url(./files/${file}.woff2) format('woff2-variations'), url(./files/${file}.woff) format('woff');\n  unicode-range: U+0-F,U+1??;\n}\n\n`;
const sheets = {
  '@fontsource-variable/inter wght.css': face('Inter Variable', 'inter-cyrillic-ext-wght-normal', 'c', '  font-style: normal;\n  font-weight: 100 900;\n') + face('Inter Variable', 'inter-latin-wght-normal', 'l', '  font-style: normal;\n  font-weight: 100 900;\n'),
  '@fontsource-variable/inter wght-italic.css': face('Inter Variable', 'inter-latin-wght-italic', 'li', '  font-style: italic;\n  font-weight: 100 900;\n'),
  '@fontsource/inter 400.css': face('Inter', 'inter-[0]-400-normal', 'f', '  font-style: normal;\n  font-weight: 400;\n'),
  '@fontsource-variable/roboto-flex full.css': face('Roboto Flex Variable', 'roboto-flex-latin-full-normal', 'r', '  font-style: oblique 0deg 10deg;\n  font-weight: 100 1000;\n  font-stretch: 25% 151%;\n'),
};
const answer = (it) => styleSheet(it, (name, sheet) => sheets[`${name} ${sheet}`] ?? null, (name, file) => `/fonts/${toolOf(name)}/${file}`);

test('an answer is what Google would write, subset by subset', () => {
  const both = answer(wished('Inter', { weight: ['400', '700'], style: ['normal', 'italic'], display: 'optional' }));
  assert.equal(both.name, '@fontsource-variable/inter');
  assert.equal(both.css.match(/@font-face/g).length, 6);
  assert.ok(both.css.startsWith(`/* cyrillic-ext */
@font-face {
  font-family: 'Inter';
  font-style: normal;
  font-weight: 400;
  font-display: optional;
  src: url(/fonts/fontsource-variable-inter-5/files/c.woff2) format('woff2');
  unicode-range: U+0-F,U+1??;
}
/* latin */
@font-face {`), both.css);
  assert.match(both.css, /font-style: italic;\n {2}font-weight: 700;\n {2}font-display: optional;\n {2}src: url\(\/fonts\/fontsource-variable-inter-5\/files\/li\.woff2\)/);
  assert.match(answer(wished('Inter')).css, /font-weight: 100 900;/);
  const fixed = answer(wished('Inter', { weight: '400' }));
  assert.equal(fixed.name, '@fontsource/inter');
  assert.match(fixed.css, /^\/\* \[0\] \*\/.*font-weight: 400;.*files\/f\.woff2\)/s);
  const flex = answer(wished('Roboto_Flex', { axes: ['GRAD', 'slnt'] })).css;
  assert.match(flex, /font-style: oblique 0deg 10deg;\n {2}font-weight: 100 1000;\n {2}font-stretch: 25% 151%;/);
});

test('what no package holds is no answer', () => {
  assert.equal(answer(wished('Geist')), null);
  assert.equal(answer(wished('Inter', { axes: ['opsz'] })), null);
  assert.equal(answer(wished('Inter', { weight: '700', style: 'italic' })).name, '@fontsource-variable/inter');
});
