-- The local state as it was written before its schema had a version.
CREATE TABLE documents (
    kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT, body TEXT NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX documents_by_arn ON documents (arn);
INSERT INTO documents VALUES ('ModelPackageGroup', 'dogs', 'arn:aws:sagemaker:us-east-1:111122223333:model-package-group/dogs', '{"ModelPackageGroupName": "dogs", "ModelPackageGroupArn": "arn:aws:sagemaker:us-east-1:111122223333:model-package-group/dogs", "ModelPackageGroupStatus": "Completed", "CreationTime": {"$time": "2026-11-20T03:15:00+00:00"}, "CreatedBy": {}}', 1);
INSERT INTO documents VALUES ('PackageCounter', 'dogs', NULL, '{"Last": 2}', 2);
INSERT INTO documents VALUES ('ModelPackage', 'dogs/2', 'arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs/2', '{"ModelPackageGroupName": "dogs", "ModelPackageVersion": 2, "ModelApprovalStatus": "Approved", "ModelPackageArn": "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs/2", "ModelPackageStatus": "Completed", "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []}, "CreationTime": {"$time": "2026-11-20T03:16:00+00:00"}, "LastModifiedTime": {"$time": "2026-11-20T03:17:00+00:00"}}', 3);
INSERT INTO documents VALUES ('StepCache', 'dogs/Prepare/0f', NULL, '{"SourcePipelineExecutionArn": "arn:x", "Properties": {}, "Metadata": {}, "Metric": null, "Outputs": ["s3://bucket/runs/a/Prepare"], "CreationTime": {"$time": "2026-11-20T03:15:00+00:00"}}', 4);
