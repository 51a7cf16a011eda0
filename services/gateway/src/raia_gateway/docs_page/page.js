"use strict";
const VERBS = ["get", "post", "put", "patch", "delete"];
const state = { document: null, operations: [], abort: null };
const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function resolve(part) {
  if (!part || !part.$ref) return part || {};
  const found = part.$ref.slice(2).split("/").reduce((at, key) => at[key], state.document);
  const { $ref, ...rest } = part;
  return { ...found, ...rest, name_of: $ref.split("/").pop() };
}

function collect() {
  for (const [path, item] of Object.entries(state.document.paths)) {
    for (const verb of VERBS) {
      if (!item[verb]) continue;
      state.operations.push({ path, verb, id: item[verb].operationId, ...item[verb] });
    }
  }
}

function showList(filter) {
  const wanted = filter.trim().toLowerCase();
  const list = byId("list");
  list.replaceChildren();
  for (const tag of state.document.tags) {
    const shown = state.operations.filter((operation) => operation.tags.includes(tag.name)
      && (operation.path + operation.verb + operation.summary + operation.id).toLowerCase().includes(wanted));
    if (!shown.length) continue;
    list.append(make("h2", { title: tag.description }, tag.name));
    for (const operation of shown) {
      const current = location.hash === "#" + operation.id ? "true" : undefined;
      list.append(make("a", { href: "#" + operation.id, title: operation.summary, "aria-current": current },
        make("span", { class: "verb " + operation.verb }, operation.verb.toUpperCase()),
        make("span", { class: "path" }, operation.path)));
    }
  }
}

function typeOf(schema) {
  const found = resolve(schema);
  if (found.name_of && found.type === "object") return found.name_of;
  if (found.type === "array") return "array of " + typeOf(found.items);
  if (found.anyOf) return found.anyOf.map(typeOf).filter(Boolean).join(" or ") || "any";
  return [found.type || "any", found.format || found.contentEncoding].filter(Boolean).join(", ");
}

function limitsOf(schema) {
  const found = resolve(schema);
  const names = ["minLength", "maxLength", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum",
    "pattern", "minItems", "maxItems", "const"];
  const said = names.filter((name) => found[name] !== undefined).map((name) => `${name} ${found[name]}`);
  if (found.enum) said.push("one of " + found.enum.map((value) => JSON.stringify(value)).join(", "));
  return said.join("; ");
}

function schemaTree(schema, depth = 0) {
  let found = resolve(schema);
  if (found.type === "array") found = resolve(found.items);
  if (found.type !== "object" || !found.properties || depth > 5) return null;
  const required = new Set(found.required || []);
  return make("ul", { class: "schema" }, ...Object.entries(found.properties).map(([name, inner]) => {
    const label = [make("code", {}, name), " ", make("small", { class: "soft" }, typeOf(inner)),
      required.has(name) ? make("span", { class: "required" }, " required") : null,
      make("div", { class: "soft" }, [resolve(inner).description, limitsOf(inner)].filter(Boolean).join(" — "))];
    const deeper = schemaTree(inner, depth + 1);
    if (!deeper) return make("li", {}, ...label);
    return make("li", {}, make("details", {}, make("summary", {}, ...label), deeper));
  }));
}

function sample(schema, depth = 0) {
  const found = resolve(schema);
  if (found.examples) return found.examples[0];
  if (found.const !== undefined) return found.const;
  if (found.enum) return found.enum[0];
  if (found.anyOf) return sample(found.anyOf[found.anyOf.length - 1], depth);
  if (found.type === "array") return depth > 3 ? [] : [sample(found.items, depth + 1)];
  if (found.type === "object") {
    if (depth > 3 || !found.properties) return {};
    return Object.fromEntries(Object.entries(found.properties).map(([name, inner]) => [name, sample(inner, depth + 1)]));
  }
  if (found.type === "boolean") return false;
  if (found.type === "integer" || found.type === "number") return found.minimum || 0;
  if (found.format === "date-time") return new Date().toISOString();
  if (found.format === "uuid") return "00000000-0000-7000-8000-000000000000";
  return found.format === "int64" ? "0" : "";
}

function field(name, described, place) {
  const schema = resolve(described.schema);
  const common = { "data-name": name, "data-place": place, "aria-label": name };
  const choices = schema.enum || (schema.type === "array" && resolve(schema.items).enum);
  const input = choices && schema.type !== "array"
    ? make("select", common, make("option", { value: "" }, ""), ...choices.map((value) => make("option", {}, String(value))))
    : make("input", { ...common, placeholder: schema.type === "array" ? "comma separated" : (schema.examples || [""])[0] });
  input.dataset.array = schema.type === "array" ? "1" : "";
  return make("tr", {},
    make("td", {}, make("code", {}, name), described.required ? make("span", { class: "required" }, " required") : null,
      make("br"), make("small", {}, `${place}, ${typeOf(described.schema)}`)),
    make("td", {}, input, make("div", { class: "soft" }, [described.description, limitsOf(described.schema)].filter(Boolean).join(" — "))));
}

function bodyEditor(operation) {
  if (!operation.requestBody) return [];
  const content = operation.requestBody.content;
  const form = content["multipart/form-data"];
  if (form) {
    const schema = resolve(form.schema);
    const rows = Object.entries(schema.properties).map(([name, inner]) => {
      const found = resolve(inner);
      const input = found.format === "binary"
        ? make("input", { type: "file", "data-name": name, "data-place": "file", "aria-label": name })
        : make("input", { "data-name": name, "data-place": "form", "aria-label": name });
      return make("tr", {}, make("td", {}, make("code", {}, name), make("br"), make("small", {}, "form, " + typeOf(inner))),
        make("td", {}, input, make("div", { class: "soft" }, found.description || "")));
    });
    return [make("h3", {}, "Form"), make("table", {}, ...rows)];
  }
  const schema = content["application/json"].schema;
  const text = JSON.stringify(sample(schema), null, 2);
  return [make("h3", {}, "Body"), make("textarea", { id: "body", "aria-label": "body", spellcheck: "false" }, text),
    make("details", {}, make("summary", {}, "Fields"), schemaTree(schema) || "any")];
}

function show() {
  if (state.abort) state.abort.abort();
  const main = byId("main");
  const operation = state.operations.find((one) => "#" + one.id === location.hash);
  showList(byId("search").value);
  if (!operation) {
    main.replaceChildren(make("h2", {}, state.document.info.title),
      ...state.document.info.description.split("\n\n").map((text) => make("p", {}, text.replaceAll("**", ""))));
    return;
  }
  const parameters = (operation.parameters || []).map(resolve).filter((one) => !one["x-raw-body"]);
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const found = resolve(answer);
    const [kind, content] = Object.entries(found.content || {})[0] || ["", null];
    const schema = content && (content["x-message"] || content.schema);
    return make("details", {}, make("summary", {}, make("code", {}, status), " ", found.description, " ",
      make("small", { class: "soft" }, kind)), schema ? schemaTree(schema) : null);
  });
  main.replaceChildren(
    make("h2", {}, make("span", { class: "verb " + operation.verb }, operation.verb.toUpperCase()), " ", make("span", { class: "path" }, operation.path)),
    ...operation.description.split("\n\n").map((text) => make("p", {}, text)),
    parameters.length ? make("h3", {}, "Parameters") : null,
    parameters.length ? make("table", {}, ...parameters.map((one) => field(one.name, one, one.in))) : null,
    ...bodyEditor(operation),
    make("div", { class: "actions" }, make("button", { onclick: () => send(operation) }, "Send"),
      make("button", { class: "plain", onclick: () => showCommand(operation) }, "As a curl command")),
    make("div", { id: "answer", "aria-live": "polite" }),
    make("h3", {}, "Answers"), ...answers);
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function request(operation) {
  const values = [...byId("main").querySelectorAll("[data-place]")];
  const query = new URLSearchParams();
  const headers = {};
  let path = operation.path;
  let form = null;
  for (const input of values) {
    const { name, place, array } = input.dataset;
    if (place === "file") {
      form = form || new FormData();
      if (input.files.length) form.append(name, input.files[0]);
    } else if (place === "form") {
      form = form || new FormData();
      if (input.value) form.append(name, input.value);
    } else if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (!input.value) continue;
    else if (place === "header") headers[name] = input.value;
    else for (const value of array ? input.value.split(",") : [input.value]) query.append(name, value.trim());
  }
  if (byId("token").value) headers.Authorization = "Bearer " + byId("token").value;
  const text = byId("body") ? byId("body").value : null;
  if (text !== null) headers["Content-Type"] = "application/json";
  const asked = query.toString();
  return { url: path + (asked ? "?" + asked : ""), method: operation.verb.toUpperCase(), headers, body: form || text };
}

async function send(operation) {
  if (state.abort) state.abort.abort();
  state.abort = new AbortController();
  const { url, method, headers, body } = request(operation);
  const answer = byId("answer");
  answer.replaceChildren("…");
  const began = performance.now();
  try {
    const response = await fetch(url, { method, headers, body: body === null ? undefined : body, signal: state.abort.signal });
    const output = make("pre");
    const kind = response.headers.get("content-type") || "";
    answer.replaceChildren(make("h3", {}, "Answer"),
      make("p", {}, make("strong", { class: "status " + (response.ok ? "good" : "bad") }, `${response.status} ${response.statusText}`),
        make("span", { class: "soft" }, ` after ${Math.round(performance.now() - began)} ms`)), output,
      make("details", {}, make("summary", {}, "Headers"), make("pre", {}, [...response.headers].map(([n, v]) => `${n}: ${v}`).join("\n"))));
    if (kind.includes("ndjson") || kind.includes("event-stream")) await readStream(response, output);
    else await readWhole(response, kind, output);
  } catch (error) {
    if (error.name !== "AbortError") answer.replaceChildren(make("p", { class: "status bad" }, String(error)));
  }
}

async function readWhole(response, kind, output) {
  const data = await response.blob();
  if (kind.includes("json")) output.textContent = JSON.stringify(JSON.parse(await data.text()), null, 2);
  else if (kind.startsWith("text/")) output.textContent = (await data.text()).slice(0, 100000);
  else if (data.size) output.replaceWith(make("a", { href: URL.createObjectURL(data), download: "download" }, `save ${data.size} bytes`));
}

async function readStream(response, output) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    output.textContent = (output.textContent + value).slice(-100000);
  }
}

function showCommand(operation) {
  const { url, method, headers, body } = request(operation);
  const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const lines = [`curl -X ${method} ${quote(location.origin + url)}`];
  for (const [name, value] of Object.entries(headers)) {
    lines.push(`-H ${quote(`${name}: ${name === "Authorization" ? "Bearer $TOKEN" : value}`)}`.replace("'Authorization: Bearer $TOKEN'", '"Authorization: Bearer $TOKEN"'));
  }
  if (body instanceof FormData) for (const [name, value] of body) lines.push(`-F ${quote(value instanceof File ? `${name}=@${value.name}` : `${name}=${value}`)}`);
  else if (body !== null) lines.push(`-d ${quote(body)}`);
  byId("answer").replaceChildren(make("pre", {}, lines.join(" \\\n  ")));
}

async function signIn(event) {
  event.preventDefault();
  const body = JSON.stringify({ email: byId("email").value, password: byId("password").value });
  const response = await fetch("/api/v1/auth/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const answer = await response.json();
  byId("password").value = "";
  byId("signed-in").textContent = response.ok ? "signed in" : answer.message;
  if (response.ok) remember(byId("token").value = answer.access_token);
}

function remember(token) {
  sessionStorage.setItem("raia-token", token);
}

async function start() {
  byId("token").value = sessionStorage.getItem("raia-token") || "";
  byId("token").addEventListener("change", () => remember(byId("token").value));
  byId("token-form").addEventListener("submit", signIn);
  byId("search").addEventListener("input", () => showList(byId("search").value));
  window.addEventListener("hashchange", show);
  state.document = await (await fetch("/openapi.json")).json();
  byId("version").textContent = state.document.info.version;
  collect();
  show();
}

start().catch((error) => byId("main").replaceChildren(make("p", { class: "status bad" }, String(error))));
