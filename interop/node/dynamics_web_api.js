// dynamics-web-api: what integrations do with it, by an application user that is made with it.

import { done, part } from "./checks.js";
import { actions } from "./dynamics_web_api/actions.js";
import { batches } from "./dynamics_web_api/batches.js";
import { conditions } from "./dynamics_web_api/conditions.js";
import { fetch } from "./dynamics_web_api/fetch.js";
import { files } from "./dynamics_web_api/files.js";
import { links } from "./dynamics_web_api/links.js";
import { metadata } from "./dynamics_web_api/metadata.js";
import { operations } from "./dynamics_web_api/operations.js";
import { queries } from "./dynamics_web_api/queries.js";
import { related } from "./dynamics_web_api/related.js";
import { rows } from "./dynamics_web_api/rows.js";
import { schema } from "./dynamics_web_api/schema.js";
import { together } from "./dynamics_web_api/together.js";
import { world } from "./dynamics_web_api/world.js";

const here = await world();
await part("rows", () => rows(here));
await part("links", () => links(here));
await part("together", () => together(here));
await part("related", () => related(here));
await part("queries", () => queries(here));
await part("conditions", () => conditions(here));
await part("fetch", () => fetch(here));
await part("metadata", () => metadata(here));
await part("schema", () => schema(here));
await part("files", () => files(here));
await part("operations", () => operations(here));
await part("actions", () => actions(here));
await part("batches", () => batches(here));
done();
