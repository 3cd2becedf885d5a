// Talks to a simulated router with node-routeros, which tags every command and keeps many of them in flight on one
// connection. It understands RouterOS before 7.18 only.
//
// Usage: node node_routeros_peer.js HOST PORT
'use strict';

const assert = require('node:assert/strict');
const { RouterOSAPI } = require('node-routeros');

const [host, port] = process.argv.slice(2);
const count = 200;

async function main() {
  const wrong = new RouterOSAPI({ host, port: Number(port), user: 'qserve', password: 'wrong', timeout: 10 });
  wrong.on('error', () => {});
  await assert.rejects(wrong.connect(), /Username or password is invalid/i);

  const router = new RouterOSAPI({ host, port: Number(port), user: 'qserve', password: 'qserve', timeout: 10 });
  await router.connect();

  const names = Array.from({ length: count }, (_, i) => `user${i}`);
  const added = await Promise.all(names.map((name) => router.write('/ppp/secret/add', [`=name=${name}`, '=password=x'])));
  assert.equal(new Set(added.map(([answer]) => answer.ret)).size, count, 'every secret has its own id');

  const found = await Promise.all(names.map((name) => router.write('/ppp/secret/print', ['=.proplist=name', `?name=${name}`])));
  assert.deepEqual(found.map(([row]) => row.name), names, 'every answer belongs to its question');

  const [all, profiles] = await Promise.all([
    router.write('/ppp/secret/print', ['=.proplist=name']),
    router.write('/ppp/profile/print', ['=.proplist=name']),
  ]);
  assert.deepEqual(all.map((row) => row.name), names);
  assert.deepEqual(profiles.map((row) => row.name), ['default', 'default-encryption']);

  await assert.rejects(router.write('/ppp/secret/add', ['=name=user1']), /secret with the same name already exists/);

  const monitor = router.stream(['/radius/incoming/monitor']);
  await new Promise((resolve, reject) => {
    monitor.once('data', resolve);
    monitor.once('error', reject);
  });
  await monitor.stop(); // sends /cancel and waits for the interruption
  assert.equal((await router.write('/system/identity/print')).length, 1, 'the connection lives on after a cancel');
  await router.close();
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
