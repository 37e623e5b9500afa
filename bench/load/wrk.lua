-- Prints one line of results that needs no parsing by eye, and sends varying requests when the first argument is a
-- file with one query per line.
function init(args)
  if #args < 2 then return end
  local requests = {}
  local path = args[1]
  for query in io.lines(args[2]) do
    local n = #requests + 1
    requests[n] = wrk.format("GET", path .. query, {
      ["accept"] = "application/json",
      ["user-agent"] = "storefront/4.7.1",
      ["traceparent"] = string.format("00-%08x%08x%08x%08x-%08x%08x-01", n, n * 7919, n * 104729, n, n * 31, n),
      ["x-session"] = string.format("%016x", n * 2654435761),
    })
  end
  local next = 0
  request = function()
    next = next % #requests + 1
    return requests[next]
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    "result requests=%d bytes=%d micros=%d p50=%d p99=%d connect=%d read=%d write=%d timeout=%d status=%d\n",
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.timeout, e.status))
end
