-- The health of Forebay's objects in Argo CD. One script for all five kinds: they share their conditions.
-- It is given `obj` and returns status and message; nothing else is at hand. Tried by tests/component/gitops.

local health = { status = "Progressing", message = "the operator has not looked at it yet" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "it is being deleted"
  return health
end

local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local ready = found["Ready"]
if ready == nil then
  return health
end

if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  health.message = "the operator has not looked at its newest spec yet"
  return health
end

local function is(kind, word)
  return found[kind] ~= nil and found[kind].status == word
end

local function why(condition)
  if condition.message ~= nil and condition.message ~= "" then
    return condition.reason .. ": " .. condition.message
  end
  return condition.reason
end

health.message = why(ready)
if ready.reason == "Suspended" or ready.reason == "ReconcilePaused" then
  health.status = "Suspended"
elseif is("Stalled", "True") then
  health.status = "Degraded"
  health.message = why(found["Stalled"])
elseif is("Reconciling", "True") then
  health.message = why(found["Reconciling"])
elseif ready.status == "True" then
  health.status = "Healthy"
elseif ready.status == "False" then
  health.status = "Degraded"
end
return health
