import { FieldPath } from '#machinery/field-error.ts';
import { column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { containerImages, containerNames, labelsCell } from '../../apps/workload.ts';
import { defaultPodTemplate } from '../pod/defaults.ts';
import { dropDisabledFields } from '../pod/prepare.ts';
import { validatePodTemplate } from '../pod/validation/pod.ts';
import { changedTemplateWarnings } from '../pod/warnings.ts';

/** A pod template on its own. Source: core/v1 API. */
export const podTemplate = defineResource('v1', 'PodTemplate', {
  plural: 'podtemplates',
  returnsDeleted: true,
  scope: 'namespaced',
  hasGeneration: true,

  allColumns: [
    nameColumn,
    column('Containers', ({ template }) => containerNames(template)),
    column('Images', ({ template }) => containerImages(template)),
    column('Pod Labels', ({ template }) => labelsCell(template?.metadata?.labels)),
  ],

  defaults({ template }) {
    if (template) defaultPodTemplate(template);
  },
  prepareForCreate(draft, { featureOn }) {
    dropDisabledFields(draft.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.template.spec, featureOn, old.template.spec);
  },
  validate: ({ template }, { featureOn }) => validatePodTemplate(template, FieldPath.of('template'), featureOn),
  warnings: (object, old) => changedTemplateWarnings(object, old, object.template, 'template.'),
});
