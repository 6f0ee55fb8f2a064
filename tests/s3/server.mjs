// SPDX-License-Identifier: Apache-2.0
// An S3 server for the tests: node server.mjs FOLDER PORT BUCKET. Its key is S3RVER, secret S3RVER.
import S3rver from 's3rver';

const [directory, port, name] = process.argv.slice(2);
new S3rver({ port: Number(port), address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name }] }).run((error) => {
  if (error) throw error;
  console.log('ready');
});
