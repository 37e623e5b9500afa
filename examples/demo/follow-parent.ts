// Loaded into a sidecar of the demo before its own program: it ends when the demo is gone, however that ended.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// The channel itself keeps no process alive.
process.channel?.unref()
