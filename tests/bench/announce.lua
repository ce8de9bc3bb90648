-- wrk script: HTTP announces of many peers in the torrents of a file of info_hashes (udp_load_bench
-- --print-hashes). Arguments after "--": that file, requests, numwant, "close" for a connection per request.

local requests = {}
local next_request = 0

local function read_hashes(path)
  local hashes = {}
  for line in io.lines(path) do hashes[#hashes + 1] = line:gsub("%x%x", "%%%0") end
  return hashes
end

function init(args)
  local hashes = read_hashes(args[1])
  local numwant = tonumber(args[3])
  local connection = args[4] == "close" and "close" or "keep-alive"
  for i = 1, tonumber(args[2]) do
    requests[i] = string.format(
      "GET /announce?info_hash=%s&peer_id=-SB0001-bench-client&port=%d&uploaded=0&downloaded=0&left=%d" ..
      "&numwant=%d&compact=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1.0\r\nConnection: %s\r\n\r\n",
      hashes[i % #hashes + 1], 1 + i, i % 4 == 0 and 50 or 0, numwant, connection)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end
