-- The health of an Argo CD Application inside another one, so that a wave waits for the wave before it.

local health = { status = "Progressing", message = "" }
if obj.status ~= nil and obj.status.health ~= nil then
  health.status = obj.status.health.status or health.status
  health.message = obj.status.health.message or ""
end
return health
