// In one process, since each loads CDK and AWS's validator, which takes seconds.
import './construct';
import './template';
